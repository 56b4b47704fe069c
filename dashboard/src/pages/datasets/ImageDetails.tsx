import { useState } from "react";
import type { DatasetDetail } from "@/api/types";
import { count, integer } from "@/lib/format";
import { Icon } from "@/ui/Icon";

type Row = Record<string, unknown>;

/** Rows of an open field of the statistics, if it carries them. */
function rowsOf(dataset: DatasetDetail, field: string): Row[] {
  const rows: unknown = dataset.statistics[field];
  return Array.isArray(rows) ? (rows as Row[]) : [];
}

const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function Bars({ rows }: { rows: [string, number][] }) {
  const most = Math.max(...rows.map(([, images]) => images), 1);
  return (
    <ul className="card bars">
      {rows.map(([name, images]) => (
        <li key={name}>
          <span className="truncate" title={name}>
            {name}
          </span>
          <i aria-hidden="true" style={{ width: `${(images / most) * 100}%` }} />
          <span className="num faint">{integer(images)}</span>
        </li>
      ))}
    </ul>
  );
}

/** Classes, sizes and what is wrong with a dataset's images. */
export function ImageDetails({ dataset }: { dataset: DatasetDetail }) {
  const classes = rowsOf(dataset, "classes").map((row): [string, number] => [
    textOf(row.name),
    numberOf(row.images),
  ]);
  const sizes = rowsOf(dataset, "sizes").map((row): [string, number] => [
    `${integer(numberOf(row.width))} × ${integer(numberOf(row.height))}`,
    numberOf(row.images),
  ]);
  const others = numberOf(dataset.statistics.other_sizes);
  const bad = rowsOf(dataset, "bad_samples");
  const repeated = numberOf(dataset.statistics.duplicates);
  const aside = numberOf(dataset.statistics.held_out);
  return (
    <>
      {numberOf(dataset.statistics.bad) > 0 && (
        <div className="notice">
          <Icon name="alert" />
          <div className="notice-body">
            <p>
              {count(numberOf(dataset.statistics.bad), "image")} cannot be used and will be left out. Above 1
              % a job is refused, unless its <code>data.on_bad_sample</code> says <code>skip</code>.
            </p>
            <ul className="notice-list">
              {bad.map((row, index) => (
                <li key={index}>
                  <code>{textOf(row.sample)}</code> {textOf(row.reason)}
                </li>
              ))}
            </ul>
          </div>
        </div>
      )}
      {classes.length > 1 && (
        <>
          <h2>Classes</h2>
          <Bars rows={classes} />
        </>
      )}
      {sizes.length > 0 && (
        <>
          <h2>Sizes in pixels</h2>
          <Bars rows={others > 0 ? [...sizes, ["others", others]] : sizes} />
        </>
      )}
      {(repeated > 0 || aside > 0) && (
        <p className="faint small">
          {repeated > 0 && `${count(repeated, "image")} repeated, byte for byte: used once. `}
          {aside > 0 && `${count(aside, "image")} in a part of its own for evaluation.`}
        </p>
      )}
    </>
  );
}

/** Some of the images side by side. */
export function ContactSheet({ dataset }: { dataset: DatasetDetail }) {
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="faint">The images cannot be shown now.</p>;
  return (
    <img
      className="card contact-sheet"
      src={`/v1/datasets/${dataset.id}/contact-sheet?columns=8&v=${dataset.files}`}
      alt={`Some images of ${dataset.name}`}
      onError={() => setFailed(true)}
    />
  );
}
