import { useState } from "react";
import { integer, NONE, percent } from "@/lib/format";
import { Button } from "@/ui/Button";
import type { ReliabilityDocument } from "./documents";

const SIDE = 260;
const LEFT = 38;
const BOTTOM = 34;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const shown = (value: number | null): string => (value === null ? NONE : percent(value, 1));

function Diagram({ document }: { document: ReliabilityDocument }) {
  const x = (share: number) => LEFT + share * SIDE;
  const y = (share: number) => 10 + (1 - share) * SIDE;
  const most = Math.max(...document.bins.map((bin) => bin.samples), 1);
  return (
    <svg
      className="reliability"
      viewBox={`0 0 ${LEFT + SIDE + 12} ${SIDE + BOTTOM + 14}`}
      role="img"
      aria-label={`Reliability diagram; the expected calibration error is ${percent(document.error, 1)}`}
    >
      {TICKS.map((tick) => (
        <g key={tick} className="reliability-axis">
          <line x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} />
          <text x={LEFT - 6} y={y(tick)} textAnchor="end" dominantBaseline="central">
            {percent(tick)}
          </text>
          <text x={x(tick)} y={y(0) + 14} textAnchor="middle">
            {percent(tick)}
          </text>
        </g>
      ))}
      {document.bins.map((bin) => {
        if (bin.accuracy === null) return null;
        const top = y(bin.accuracy);
        return (
          <rect
            key={bin.low}
            className="reliability-bar"
            x={x(bin.low) + 1}
            y={top}
            width={Math.max(1, x(bin.high) - x(bin.low) - 2)}
            height={y(0) - top}
            fillOpacity={0.35 + (0.65 * bin.samples) / most}
          >
            <title>{`Confidence ${shown(bin.confidence)}: ${percent(bin.accuracy, 1)} of ${integer(bin.samples)} right`}</title>
          </rect>
        );
      })}
      <line className="reliability-ideal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
      <text className="reliability-title" x={x(0.5)} y={SIDE + BOTTOM + 10} textAnchor="middle">
        Confidence
      </text>
    </svg>
  );
}

function BinTable({ document }: { document: ReliabilityDocument }) {
  return (
    <div className="evaluation-table">
      <table>
        <thead>
          <tr>
            <th scope="col">Confidence</th>
            <th scope="col">Samples</th>
            <th scope="col">Mean confidence</th>
            <th scope="col">Accuracy</th>
          </tr>
        </thead>
        <tbody>
          {document.bins.map((bin) => (
            <tr key={bin.low}>
              <th scope="row">
                {percent(bin.low)} to {percent(bin.high)}
              </th>
              <td className="num">{integer(bin.samples)}</td>
              <td className="num">{shown(bin.confidence)}</td>
              <td className="num">{shown(bin.accuracy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Accuracy by confidence: bars on the diagonal mean that a confidence of 80 % is right in 80 % of the cases. */
export function Reliability({ document }: { document: ReliabilityDocument }) {
  const [table, setTable] = useState(false);
  return (
    <figure className="card report">
      <figcaption>
        <b>Reliability</b>
        <span className="faint small">
          Accuracy by confidence; paler bars have fewer samples. Calibration error{" "}
          <span className="num">{percent(document.error, 1)}</span>.
        </span>
        <Button small aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Show as picture" : "Show as table"}
        </Button>
      </figcaption>
      {table ? <BinTable document={document} /> : <Diagram document={document} />}
    </figure>
  );
}
