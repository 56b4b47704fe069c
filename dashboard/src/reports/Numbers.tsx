import { useState } from "react";
import { count, integer, NONE, plain } from "@/lib/format";
import { Button } from "@/ui/Button";
import type { NumberMistakesDocument, ScatterDocument } from "./documents";
import { axisOf } from "./axis";
import { Sample } from "./Sample";

const SIDE = 280;
const LEFT = 52;
const TOP = 10;
const BOTTOM = 36;
const shown = (value: number | null): string => (value === null ? NONE : plain(value));

function Plot({ document }: { document: ScatterDocument }) {
  const { low, high, ticks } = axisOf(document.points.flat());
  const at = (value: number) => ((value - low) / (high - low)) * SIDE;
  const x = (value: number) => LEFT + at(value);
  const y = (value: number) => TOP + SIDE - at(value);
  return (
    <svg
      className="reliability"
      viewBox={`0 0 ${LEFT + SIDE + 12} ${TOP + SIDE + BOTTOM}`}
      role="img"
      aria-label={`Predicted against true numbers of ${count(document.points.length, "sample")}; R² is ${shown(document.r2)}`}
    >
      {ticks.map((tick) => (
        <g key={tick} className="reliability-axis">
          <line x1={x(low)} x2={x(high)} y1={y(tick)} y2={y(tick)} />
          <text x={LEFT - 6} y={y(tick)} textAnchor="end" dominantBaseline="central">
            {plain(tick)}
          </text>
          <text x={x(tick)} y={TOP + SIDE + 14} textAnchor="middle">
            {plain(tick)}
          </text>
        </g>
      ))}
      <line className="reliability-ideal" x1={x(low)} y1={y(low)} x2={x(high)} y2={y(high)} />
      {document.points.map(([truth, predicted], index) => (
        <circle key={index} className="scatter-point" cx={x(truth)} cy={y(predicted)} r={2.5}>
          <title>{`${plain(predicted)} predicted, ${plain(truth)} true`}</title>
        </circle>
      ))}
      <text className="reliability-title" x={x((low + high) / 2)} y={TOP + SIDE + 30} textAnchor="middle">
        True number
      </text>
      <text
        transform={`translate(10 ${y((low + high) / 2)}) rotate(-90)`}
        className="reliability-title"
        textAnchor="middle"
      >
        Predicted
      </text>
    </svg>
  );
}

function PointTable({ document }: { document: ScatterDocument }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it
    <div className="evaluation-table report-tall" tabIndex={0} role="group" aria-label="Predicted numbers">
      <table>
        <thead>
          <tr>
            <th scope="col">True</th>
            <th scope="col">Predicted</th>
          </tr>
        </thead>
        <tbody>
          {document.points.map(([truth, predicted], index) => (
            <tr key={index}>
              <td className="num">{plain(truth)}</td>
              <td className="num">{plain(predicted)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Predicted against true numbers: points on the diagonal are right. */
export function Scatter({ document }: { document: ScatterDocument }) {
  const [table, setTable] = useState(false);
  const { points, samples } = document;
  return (
    <figure className="card report">
      <figcaption>
        <b>Predicted against true</b>
        <span className="faint small">
          R² <span className="num">{shown(document.r2)}</span>, mean absolute error{" "}
          <span className="num">{shown(document.mean_absolute_error)}</span>, Pearson correlation{" "}
          <span className="num">{shown(document.pearson)}</span>.
          {points.length < samples && ` ${integer(points.length)} of ${count(samples, "sample")} are drawn.`}
        </span>
        <Button small aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Show as picture" : "Show as table"}
        </Button>
      </figcaption>
      {table ? <PointTable document={document} /> : <Plot document={document} />}
    </figure>
  );
}

/** The samples whose predicted number is the farthest from the true one. */
export function NumberMistakes({ document }: { document: NumberMistakesDocument }) {
  return (
    <figure className="card report report-wide">
      <figcaption>
        <b>Worst predictions</b>
        <span className="faint small">Predictions that are the farthest from the true number.</span>
      </figcaption>
      <ul className="mistakes">
        {document.mistakes.map((mistake) => (
          <li key={mistake.sample}>
            <Sample seen={mistake} what={`Sample ${integer(mistake.sample)}`} />
            <p className="small">
              <span className="faint">predicted </span>
              <b className="mistake-predicted num">{shown(mistake.predicted)}</b>
              <span className="faint">, true </span>
              <span className="num">{shown(mistake.truth)}</span>
            </p>
          </li>
        ))}
      </ul>
    </figure>
  );
}
