import { ConfusionMatrix } from "./ConfusionMatrix";
import { isKnown, KINDS, type ReportDocument } from "./documents";
import { EntityTypes, TagMistakes } from "./Entities";
import { LabelMistakes } from "./LabelMistakes";
import { Mistakes } from "./Mistakes";
import { NumberMistakes, Scatter } from "./Numbers";
import { PerClass } from "./PerClass";
import { Reliability } from "./Reliability";
import { Utterances } from "./Utterances";

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
    case "label_mistakes":
      return <LabelMistakes document={document} />;
    case "scatter":
      return <Scatter document={document} />;
    case "number_mistakes":
      return <NumberMistakes document={document} />;
    case "entity_types":
      return <EntityTypes document={document} />;
    case "tag_mistakes":
      return <TagMistakes document={document} />;
    case "utterances":
      return <Utterances document={document} />;
  }
}

/** Tables and pictures, one card each. Kinds that this dashboard does not know are left out. */
export function Documents({ documents }: { documents: readonly unknown[] }) {
  const known = documents
    .filter(isKnown)
    .sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
  if (known.length === 0) return null;
  return (
    <div className="reports">
      {known.map((document) => (
        <Drawn key={document.kind} document={document} />
      ))}
    </div>
  );
}
