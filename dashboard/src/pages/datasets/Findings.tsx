import { useState, type CSSProperties } from "react";
import type { DatasetDetail } from "@/api/types";
import { count, integer } from "@/lib/format";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import { MODALITIES } from "./modality";
import { numberOf, rowsOf, textOf } from "./statistics";

/** Number of samples of each kind. */
export function Bars({ rows }: { rows: [string, number][] }) {
  const most = Math.max(...rows.map(([, samples]) => samples), 1);
  const digits = integer(most).length;
  return (
    <ul className="card bars" style={{ "--digits": `${digits}ch` } as CSSProperties}>
      {rows.map(([name, samples]) => (
        <li key={name}>
          <Name>{name}</Name>
          <i aria-hidden="true">
            <b style={{ width: `${(samples / most) * 100}%` }} />
          </i>
          <span className="num faint">{integer(samples)}</span>
        </li>
      ))}
    </ul>
  );
}

/** Samples that training will leave out, and why. */
export function BadSamples({ dataset }: { dataset: DatasetDetail }) {
  const bad = numberOf(dataset.statistics.bad);
  if (bad === 0) return null;
  return (
    <div className="notice notice-warning">
      <Icon name="alert" />
      <div className="notice-body">
        <p>
          {count(bad, MODALITIES[dataset.modality].sample)} cannot be used and will be left out. Above 1% a
          job is refused, unless its <code>data.on_bad_sample</code> says <code>skip</code>.
        </p>
        <ul className="notice-list">
          {rowsOf(dataset.statistics, "bad_samples").map((row, index) => (
            <li key={index}>
              <code>
                <bdi>{textOf(row.sample)}</bdi>
              </code>{" "}
              {textOf(row.reason)}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** The classes by name, if there is more than one. `samples`: the field that counts. */
export function Classes({ dataset, samples }: { dataset: DatasetDetail; samples: string }) {
  const classes = rowsOf(dataset.statistics, "classes");
  if (classes.length < 2) return null;
  return (
    <>
      <h2>Classes</h2>
      <Bars rows={classes.map((row) => [textOf(row.name), numberOf(row[samples])])} />
    </>
  );
}

/** Numbers of duplicates and of held-out samples. */
export function SetAside({ dataset }: { dataset: DatasetDetail }) {
  const { sample } = MODALITIES[dataset.modality];
  const repeated = numberOf(dataset.statistics.duplicates);
  const aside = numberOf(dataset.statistics.held_out);
  if (repeated === 0 && aside === 0) return null;
  return (
    <p className="faint small">
      {repeated > 0 && `${count(repeated, sample)} repeated, byte for byte: used once. `}
      {aside > 0 && `${count(aside, sample)} held out by the names of files or folders.`}
    </p>
  );
}

/** Some of the images, or recordings as waveforms over spectrograms, side by side. */
export function ContactSheet({ dataset }: { dataset: DatasetDetail }) {
  const [failed, setFailed] = useState(false);
  const { plural } = MODALITIES[dataset.modality];
  if (failed) return <p className="faint">The {plural} cannot be shown now.</p>;
  const columns = dataset.modality === "audio" ? 4 : 8;
  const sheet = `/v1/datasets/${dataset.id}/contact-sheet?columns=${columns}&v=${dataset.files}`;
  return (
    <figure className={`card contact-sheet contact-sheet-${dataset.modality}`}>
      <img src={sheet} alt={`Some ${plural} of ${dataset.name}`} onError={() => setFailed(true)} />
      <figcaption className="faint small">
        {dataset.modality === "audio"
          ? "Each a whole recording: its waveform, and below it its spectrogram, low frequencies at the bottom."
          : "Each cut to its largest centred square."}
      </figcaption>
    </figure>
  );
}
