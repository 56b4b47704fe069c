import type { Job, JobState, Progress } from "@/api/types";

export const STATE_NAMES: Record<JobState, string> = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
};

const INTENTS = { pause: "Pausing", cancel: "Cancelling", preempt: "Giving way" } as const;

export function StateChip({ job }: { job: Pick<Job, "state" | "intent"> }) {
  const label = job.state === "running" && job.intent ? INTENTS[job.intent] : STATE_NAMES[job.state];
  return (
    <span className={`chip chip-${job.state}`}>
      <i className="dot" aria-hidden="true" />
      {label}
    </span>
  );
}

export const PHASES: Record<NonNullable<Progress["phase"]>, string> = {
  staging: "Fetching data",
  preparing: "Preparing data",
  training: "Training",
  saving: "Saving",
};

/** A progress bar: by steps while the job trains, by the phase's own fraction before that. */
export function ProgressBar({ job, label }: { job: Pick<Job, "state" | "progress">; label: string }) {
  const { phase, phase_fraction: share, fraction } = job.progress;
  const before = job.state === "running" && (phase === "staging" || phase === "preparing");
  const value = before ? share : fraction;
  return (
    <div
      className={`bar bar-${job.state} ${before ? "bar-before" : ""} ${value === null ? "bar-unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.round(value * 100)}
    >
      <i style={{ transform: `scaleX(${value ?? 1})` }} />
    </div>
  );
}
