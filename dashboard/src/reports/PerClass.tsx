import { integer, NONE, percent } from "@/lib/format";
import type { PerClassDocument } from "./documents";

const shown = (value: number | null): string => (value === null ? NONE : percent(value, 1));

/** Precision, recall, F1 and AUROC of each class. */
export function PerClass({ document }: { document: PerClassDocument }) {
  // A report of an earlier version has no such areas.
  const ranked = document.rows.some((row) => row.auroc !== undefined);
  return (
    <figure className="card report">
      <figcaption>
        <b>By class</b>
      </figcaption>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it */}
      <div className="evaluation-table report-tall" tabIndex={0} role="group" aria-label="Measures by class">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col">Samples</th>
              <th scope="col">Precision</th>
              <th scope="col">Recall</th>
              <th scope="col">F1</th>
              {ranked && <th scope="col">AUROC</th>}
            </tr>
          </thead>
          <tbody>
            {document.rows.map((row) => (
              <tr key={row.class}>
                <th scope="row">{row.class}</th>
                <td className="num">{integer(row.samples)}</td>
                <td className="num">{shown(row.precision)}</td>
                <td className="num">{shown(row.recall)}</td>
                <td className="num">{shown(row.f1)}</td>
                {ranked && <td className="num">{shown(row.auroc ?? null)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
