import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import * as queries from "@/api/queries";
import { isTerminal, type Job, type Sample } from "@/api/types";
import { bytes, integer } from "@/lib/format";
import { Button } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";
import { REPORT } from "@/reports/documents";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";

const contentOf = (sample: Sample): string => `/v1/samples/${sample.id}/content`;

/** Captions of the columns, for pictures that have several. */
const TITLES: Record<string, string> = {
  original_masked_reconstruction: "Original, what the network sees, reconstruction",
  original_damaged_rebuilt: "Original, damaged, rebuilt",
  grey_guessed_true: "Grey, guessed colours, true colours",
  spectrograms: "Spectrograms: the sound, what the network sees, reconstruction",
  generated: "Generated images",
};
const titleOf = (name: string): string =>
  TITLES[name] ?? (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

/** The steps that have samples, ascending. */
const stepsOf = (samples: Sample[]): number[] => [...new Set(samples.map((sample) => sample.step))];

function TextSample({ sample }: { sample: Sample }) {
  const { data: text, error, refetch } = useQuery(queries.sampleText(sample.id));
  return (
    <figure className="sample card">
      <figcaption>
        <b>{titleOf(sample.name)}</b>
        <span className="faint small num nowrap">{bytes(sample.bytes)}</span>
        {text !== undefined && <CopyButton text={text} label={`Copy ${titleOf(sample.name)}`} />}
      </figcaption>
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it
        <pre className="mono" tabIndex={0}>
          {text ?? <Skeleton width="60%" />}
        </pre>
      )}
    </figure>
  );
}

function ImageSample({ sample }: { sample: Sample }) {
  return (
    <figure className="sample card">
      <figcaption>
        <b>{titleOf(sample.name)}</b>
        <span className="faint small num nowrap">{bytes(sample.bytes)}</span>
      </figcaption>
      <a href={contentOf(sample)} target="_blank" rel="noreferrer" title="Open it alone">
        <img src={contentOf(sample)} alt={`${titleOf(sample.name)} at step ${integer(sample.step)}`} />
      </a>
    </figure>
  );
}

interface StepsProps {
  steps: number[];
  /** Index of the one that is shown. */
  at: number;
  choose: (index: number) => void;
}

function Steps({ steps, at, choose }: StepsProps) {
  const id = useId();
  const last = steps.length - 1;
  return (
    <div className="samples-steps card">
      <label htmlFor={id} className="num">
        Step <b>{integer(steps[at] ?? 0)}</b>
      </label>
      <Button
        small
        look="ghost"
        aria-label="Earlier step"
        icon="chevron"
        disabled={at === 0}
        onClick={() => choose(at - 1)}
      />
      <input
        id={id}
        type="range"
        min={0}
        max={last}
        value={at}
        disabled={last === 0}
        aria-valuetext={`Step ${integer(steps[at] ?? 0)}`}
        onChange={(event) => choose(Number(event.target.value))}
      />
      <Button
        small
        look="ghost"
        aria-label="Later step"
        icon="chevron"
        disabled={at === last}
        onClick={() => choose(at + 1)}
      />
      <span className="faint small num nowrap">
        {at + 1} of {integer(steps.length)}
      </span>
    </div>
  );
}

/** The samples of a run, step by step; the newest ones until the user selects another step. */
export function SamplesTab({ job }: { job: Job }) {
  const { data, error, refetch } = useQuery(queries.samples(job.id));
  // Reports have a tab of their own.
  const samples = data?.filter((sample) => sample.media_type !== REPORT);
  // Null: follow the newest.
  const [chosen, setChosen] = useState<number | null>(null);
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!samples) return <Skeleton width="100%" height={260} />;
  const steps = stepsOf(samples);
  const last = steps.length - 1;
  if (last < 0) {
    return (
      <Empty icon="image" title="Nothing to see yet">
        <p className="muted">
          {isTerminal(job.state)
            ? "This task makes nothing to look at: its curves tell how it does."
            : "Where the task has something to show, it comes with each evaluation."}
        </p>
      </Empty>
    );
  }
  const found = chosen === null ? last : steps.indexOf(chosen);
  const at = found < 0 ? last : found;
  const shown = samples.filter((sample) => sample.step === steps[at]);
  return (
    <section className="samples" aria-label="Samples">
      <Steps
        steps={steps}
        at={at}
        choose={(index) => setChosen(index === last ? null : (steps[index] ?? null))}
      />
      <div className="samples-grid">
        {shown.map((sample) =>
          sample.media_type === "image/png" ? (
            <ImageSample key={sample.name} sample={sample} />
          ) : (
            <TextSample key={sample.name} sample={sample} />
          ),
        )}
      </div>
    </section>
  );
}
