import { useState } from "react";
import { count, integer, percent } from "@/lib/format";
import { Button } from "@/ui/Button";
import type { ConfusionMatrixDocument } from "./documents";

/** Up to so many classes leave room for another report beside the matrix. */
const FEW = 12;
/** Left and right of the matrix in its card, in pixels. */
const PADDING = 30;
/** Side of a cell in pixels: with few classes there is room for the counts. */
const sideOf = (classes: number): number => (classes <= FEW ? 40 : classes <= 30 ? 24 : 13);
const LONGEST = 24;

const short = (name: string): string => (name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name);

const fontOf = (side: number): number => Math.min(12, Math.max(10, side - 3));

/** Pixels for the names at the left and above. */
function marginOf(classes: string[], side: number): number {
  const letters = Math.min(LONGEST, Math.max(...classes.map((name) => name.length), 1));
  return Math.ceil(letters * fontOf(side) * 0.6) + 14;
}

const widthOf = (classes: string[]): number => {
  const side = sideOf(classes.length);
  return marginOf(classes, side) + classes.length * side + 2;
};

function HeatMap({ document }: { document: ConfusionMatrixDocument }) {
  const { classes, counts } = document;
  const side = sideOf(classes.length);
  const size = fontOf(side);
  const margin = marginOf(classes, side);
  const width = widthOf(classes);
  const right = counts.reduce((sum, row, index) => sum + (row[index] ?? 0), 0);
  const total = counts.flat().reduce((sum, number) => sum + number, 0);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it
    <div className="confusion-scroll" tabIndex={0} role="group" aria-label="Confusion matrix">
      <svg
        width={width}
        height={width}
        viewBox={`0 0 ${width} ${width}`}
        role="img"
        aria-label={`Confusion matrix of ${count(classes.length, "class", "classes")}: ${integer(right)} of ${integer(total)} samples on the diagonal`}
        style={{ fontSize: size }}
      >
        {classes.map((name, index) => {
          const middle = margin + (index + 0.5) * side;
          return (
            <g key={name} className="confusion-names">
              <text x={margin - 6} y={middle} textAnchor="end" dominantBaseline="central">
                {short(name)}
                <title>{name}</title>
              </text>
              <text
                transform={`translate(${middle} ${margin - 6}) rotate(-90)`}
                textAnchor="start"
                dominantBaseline="central"
              >
                {short(name)}
                <title>{name}</title>
              </text>
            </g>
          );
        })}
        {counts.map((row, truth) => {
          const samples = row.reduce((sum, number) => sum + number, 0);
          return row.map((number, predicted) => {
            const share = samples === 0 ? 0 : number / samples;
            const x = margin + predicted * side;
            const y = margin + truth * side;
            const names = `${classes[truth] ?? ""} as ${classes[predicted] ?? ""}`;
            return (
              <g key={`${truth} ${predicted}`}>
                <rect
                  className={truth === predicted ? "confusion-right" : "confusion-wrong"}
                  x={x + 0.5}
                  y={y + 0.5}
                  width={side - 1}
                  height={side - 1}
                  rx={side > 20 ? 3 : 1}
                  fillOpacity={share === 0 ? 0 : 0.12 + 0.88 * share}
                >
                  <title>{`${names}: ${integer(number)} of ${integer(samples)} (${percent(share, 1)})`}</title>
                </rect>
                {number > 0 && side >= 24 && (
                  <text
                    className={share > 0.55 ? "confusion-count confusion-count-on" : "confusion-count"}
                    x={x + side / 2}
                    y={y + side / 2}
                    textAnchor="middle"
                    dominantBaseline="central"
                  >
                    {number}
                  </text>
                )}
              </g>
            );
          });
        })}
      </svg>
    </div>
  );
}

/** The same numbers for a screen reader, and to copy. */
function CountTable({ document }: { document: ConfusionMatrixDocument }) {
  return (
    <div className="evaluation-table">
      <table className="confusion-table">
        <caption className="visually-hidden">Rows are true classes, columns are predicted ones</caption>
        <thead>
          <tr>
            <th scope="col">True class</th>
            {document.classes.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {document.counts.map((row, truth) => (
            <tr key={document.classes[truth]}>
              <th scope="row">{document.classes[truth]}</th>
              {row.map((number, predicted) => (
                <td key={document.classes[predicted]} className="num">
                  {integer(number)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How often samples of each class were assigned to each class: a heat map, or the same as a table. */
export function ConfusionMatrix({ document }: { document: ConfusionMatrixDocument }) {
  const [table, setTable] = useState(false);
  const few = document.classes.length <= FEW;
  return (
    <figure
      className={`card report ${few ? "" : "report-wide"}`}
      style={few ? { flexBasis: widthOf(document.classes) + PADDING } : undefined}
    >
      <figcaption>
        <b>Confusion matrix</b>
        <span className="faint small">
          Rows: true class. Columns: predicted class. Shade: share of the row.
          {document.left_out > 0 &&
            ` The ${count(document.left_out, "rarest class", "rarest classes")} left out.`}
        </span>
        <Button small aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Show as picture" : "Show as table"}
        </Button>
      </figcaption>
      {table ? <CountTable document={document} /> : <HeatMap document={document} />}
    </figure>
  );
}
