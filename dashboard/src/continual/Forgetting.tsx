/** The forgetting matrix of stages that learn one after another, and the numbers that sum it up. */

import type { CSSProperties } from "react";
import type { Forgetting as Document } from "@/api/types";
import { isolated, metric, NONE } from "@/lib/format";
import { shades } from "./shades";

/** What a stage is called: by the data that it learned. */
export interface StageName {
  job: string;
  name: string;
}

interface Figure {
  title: string;
  value: number | null;
  hint: string;
  good?: boolean;
}

/** A difference with its sign, so that it cannot be taken for a value of the measure. */
const signed = (value: number | null): string =>
  value === null ? NONE : `${value > 0 ? "+" : ""}${metric(value)}`;

function figures(found: Document): (Figure & { text: string })[] {
  const sum: Figure[] = [
    {
      title: "Backward transfer",
      value: found.backward_transfer,
      hint: "What later stages did to earlier ones. Negative: they forgot.",
      good: (found.backward_transfer ?? 0) >= 0,
    },
    {
      title: "Forward transfer",
      value: found.forward_transfer,
      hint: "What earlier stages did for later ones, beside untrained weights. Positive: they helped.",
      good: (found.forward_transfer ?? 0) >= 0,
    },
    {
      title: "Forgetting",
      value: found.forgetting,
      hint: "Distance of the earlier stages from their best value. Positive: something was lost.",
      good: (found.forgetting ?? 0) <= 0,
    },
  ];
  return [
    {
      title: "Average",
      value: found.average,
      hint: "Mean of the last row that was measured.",
      text: metric(found.average),
    },
    ...sum.map((figure) => ({ ...figure, text: signed(figure.value) })),
  ];
}

function Tiles({ found }: { found: Document }) {
  return (
    <dl className="forgetting-tiles">
      {figures(found).map(({ title, text, hint, value, good }) => (
        <div key={title} className="card">
          <dt>{title}</dt>
          <dd
            className={`num ${value === null || good === undefined ? "" : good ? "forgetting-good" : "forgetting-bad"}`}
          >
            {text}
          </dd>
          <p className="faint small">{hint}</p>
        </div>
      ))}
    </dl>
  );
}

function Cell({ value, shade, own }: { value: number | null; shade: number | null; own: boolean }) {
  const style = { "--shade": `${Math.round(8 + 72 * (shade ?? 0))}%` } as CSSProperties;
  const classes = ["num", value !== null && "forgetting-cell", own && "forgetting-own"].filter(Boolean);
  return (
    <td className={classes.join(" ")} style={value === null ? undefined : style}>
      {metric(value)}
    </td>
  );
}

interface ForgettingProps {
  found: Document;
  stages: StageName[];
  onMetric: (name: string) => void;
}

export function Forgetting({ found, stages, onMetric }: ForgettingProps) {
  const shaded = shades(found.matrix, found.better);
  const names = new Map(stages.map((stage) => [stage.job, stage.name]));
  const title = (job: string, position: number) => `${position + 1} ${isolated(names.get(job) ?? job)}`;
  return (
    <section className="forgetting" aria-labelledby="forgetting">
      <div className="forgetting-head">
        <h2 id="forgetting">Measures after each stage</h2>
        <label>
          <span className="visually-hidden">Measure</span>
          <select className="input" value={found.metric} onChange={(event) => onMetric(event.target.value)}>
            {(found.measures.some(({ name }) => name === found.metric)
              ? found.measures
              : [{ name: found.metric, better: found.better }, ...found.measures]
            ).map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Tiles found={found} />
      <div className="card forgetting-card">
        <p className="faint small">
          <code>{found.metric}</code> on the held-out part of each stage, by the weights after each stage;{" "}
          {found.better} is better, and greener. The framed values are those right after the stage was
          learned.
        </p>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it */}
        <div className="forgetting-scroll" tabIndex={0} role="group" aria-label="Forgetting matrix">
          <table className="forgetting-matrix">
            <caption className="visually-hidden">
              Rows: after which stage. Columns: on whose held-out part.
            </caption>
            <thead>
              <tr>
                <th scope="col">After stage</th>
                {found.jobs.map((job, position) => (
                  <th key={job} scope="col" className="num">
                    {title(job, position)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.jobs.map((job, row) => (
                <tr key={job}>
                  <th scope="row">{title(job, row)}</th>
                  {found.jobs.map((other, column) => (
                    <Cell
                      key={other}
                      value={found.matrix[row]?.[column] ?? null}
                      shade={shaded[row]?.[column] ?? null}
                      own={row === column}
                    />
                  ))}
                </tr>
              ))}
              <tr className="forgetting-fresh">
                <th scope="row">Untrained</th>
                {found.fresh.map((value, column) => (
                  <td key={found.jobs[column]} className="num">
                    {metric(value)}
                  </td>
                ))}
              </tr>
            </tbody>
          </table>
        </div>
      </div>
    </section>
  );
}
