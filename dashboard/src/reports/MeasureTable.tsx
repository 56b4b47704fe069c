import { integer, isolated, NONE, percent } from "@/lib/format";

interface MeasureRow {
  name: string;
  /** Samples of the class, entities of the type. */
  count: number;
  /** A measure from 0 to 1 for each column; null where it is not defined. */
  measures: (number | null)[];
}

interface MeasureTableProps {
  title: string;
  /** What a row is about, and what is counted. */
  of: string;
  counted: string;
  columns: string[];
  rows: MeasureRow[];
}

/** Precision, recall and further measures of each class or type, one a row. */
export function MeasureTable({ title, of, counted, columns, rows }: MeasureTableProps) {
  return (
    <figure className="card report">
      <figcaption>
        <b>{title}</b>
      </figcaption>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it */}
      <div className="evaluation-table report-tall" tabIndex={0} role="group" aria-label={title}>
        <table>
          <thead>
            <tr>
              {[of, counted, ...columns].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, count, measures }, index) => (
              <tr key={index}>
                <th scope="row">{isolated(name)}</th>
                <td className="num">{integer(count)}</td>
                {measures.map((value, column) => (
                  <td key={columns[column]} className="num">
                    {value === null ? NONE : percent(value, 1)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
