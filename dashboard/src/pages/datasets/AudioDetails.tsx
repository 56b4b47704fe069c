import type { DatasetDetail } from "@/api/types";
import { count, integer, percent } from "@/lib/format";
import { BadSamples, Bars, Classes, SetAside } from "./Findings";
import { numberOf, rowsOf, textOf } from "./statistics";

const seconds = (value: unknown): string =>
  numberOf(value).toLocaleString("en-US", { maximumFractionDigits: 1 });

/** A share as a percentage, with a decimal if it is small; zero is 0%. */
const share = (value: unknown): string => {
  const fraction = numberOf(value);
  return percent(fraction, fraction > 0 && fraction < 0.1 ? 1 : 0);
};

const channels = (number: number): string =>
  number === 1 ? "mono" : number === 2 ? "stereo" : `${number} channels`;

const TRANSCRIPTS_SHOWN = 8;

/** How many transcripts there are and which lack their recording, with examples; nothing without any. */
function Transcripts({ statistics }: { statistics: DatasetDetail["statistics"] }) {
  const found = statistics.transcripts;
  if (typeof found !== "object" || found === null) return null;
  const told = found as Record<string, unknown>;
  const orphans = numberOf(told.orphans);
  const first = Array.isArray(told.first_orphans) ? textOf(told.first_orphans[0]) : "";
  return (
    <>
      <h2>Transcripts</h2>
      <p className="faint small">
        {`${count(numberOf(told.rows), "transcript")}, ${count(numberOf(told.words), "word")}, ${count(numberOf(told.characters), "character")}.`}
        {orphans > 0 && ` ${integer(orphans)} without a recording in their own file, first ${first}.`}
      </p>
      {rowsOf(told, "problems").map((problem) => (
        <p key={textOf(problem.message)} className="small">
          {textOf(problem.message)}
        </p>
      ))}
      <div className="card transcripts evaluation-table">
        <table>
          <thead>
            <tr>
              <th scope="col">Recording</th>
              <th scope="col">Transcript</th>
            </tr>
          </thead>
          <tbody>
            {rowsOf(told, "examples")
              .slice(0, TRANSCRIPTS_SHOWN)
              .map((example, number) => (
                <tr key={number}>
                  <td className="faint" dir="auto">
                    {textOf(example.recording)}
                  </td>
                  <td dir="auto">{textOf(example.text)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Lengths, rates, classes and problems of a dataset's recordings. */
export function AudioDetails({ dataset }: { dataset: DatasetDetail }) {
  const { statistics } = dataset;
  const lengths = rowsOf(statistics, "length_histogram").map((row): [string, number] => [
    `${seconds(row.from_seconds)} to ${seconds(row.to_seconds)} s`,
    numberOf(row.recordings),
  ]);
  const rates = rowsOf(statistics, "sampling_rates").map((row): [string, number] => [
    `${integer(numberOf(row.hertz))} Hz`,
    numberOf(row.recordings),
  ]);
  const layouts = rowsOf(statistics, "channels").map((row): [string, number] => [
    channels(numberOf(row.channels)),
    numberOf(row.recordings),
  ]);
  return (
    <>
      <BadSamples dataset={dataset} />
      <Classes dataset={dataset} samples="recordings" />
      <Transcripts statistics={statistics} />
      {lengths.length > 0 && (
        <>
          <h2>Length of recordings</h2>
          <Bars rows={lengths} />
          <h2>Sampling rates and channels</h2>
          <Bars rows={[...rates, ...layouts]} />
          <p className="faint small">
            {`${share(statistics.silent_share)} of the time is silent, ${share(statistics.clipped_share)} of the samples are clipped.`}
          </p>
        </>
      )}
      <SetAside dataset={dataset} />
    </>
  );
}
