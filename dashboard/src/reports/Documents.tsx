import { ConfusionMatrix } from "./ConfusionMatrix";
import { isKnown, type ReportDocument } from "./documents";
import { Mistakes } from "./Mistakes";
import { PerClass } from "./PerClass";
import { Reliability } from "./Reliability";

function Drawn({ document }: { document: ReportDocument }) {
  switch (document.kind) {
    case "confusion_matrix":
      return <ConfusionMatrix document={document} />;
    case "reliability":
      return <Reliability document={document} />;
    case "per_class":
      return <PerClass document={document} />;
    case "mistakes":
      return <Mistakes document={document} />;
  }
}

/** Tables and pictures, one card each. Kinds that this dashboard does not know are left out. */
export function Documents({ documents }: { documents: readonly unknown[] }) {
  const known = documents.filter(isKnown);
  if (known.length === 0) return null;
  return (
    <div className="reports">
      {known.map((document) => (
        <Drawn key={document.kind} document={document} />
      ))}
    </div>
  );
}
