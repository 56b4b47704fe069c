import type { PerClassDocument } from "./documents";
import { MeasureTable } from "./MeasureTable";

/** Precision, recall, F1 and AUROC of each class. */
export function PerClass({ document }: { document: PerClassDocument }) {
  // A report of an earlier version has no such areas.
  const ranked = document.rows.some((row) => row.auroc !== undefined);
  return (
    <MeasureTable
      title="By class"
      of="Class"
      counted="Samples"
      columns={["Precision", "Recall", "F1", ...(ranked ? ["AUROC"] : [])]}
      rows={document.rows.map(({ class: name, samples, precision, recall, f1, auroc }) => ({
        name,
        count: samples,
        measures: [precision, recall, f1, ...(ranked ? [auroc ?? null] : [])],
      }))}
    />
  );
}
