import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { jobs } from "@/api/queries";
import type { JobState, JobSummary } from "@/api/types";
import { epochText, totalSteps } from "@/lib/epochs";
import { compact, duration, integer, metric, NONE, percent } from "@/lib/format";
import { useRowKeys, useShortcuts } from "@/lib/shortcuts";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { Button, ButtonLink } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";
import { PHASES, ProgressBar, STATE_NAMES, StateChip } from "@/ui/State";
import { Time, useNow } from "@/ui/Time";

const STATES = Object.keys(STATE_NAMES) as JobState[];
const TYPING_PAUSE_MS = 250;

function timeLeft(job: JobSummary, now: Date): string {
  if (job.state === "running" && job.progress.eta_seconds !== null)
    return `${duration(job.progress.eta_seconds)} left`;
  if (!job.started_at) return NONE;
  const end = job.finished_at ? new Date(job.finished_at) : now;
  return job.finished_at ? duration((end.getTime() - new Date(job.started_at).getTime()) / 1000) : NONE;
}

/** One line about the job's progress, or why it does not progress. */
function stateText(job: JobSummary): string {
  if (job.state === "queued") return job.waiting_reason ?? "waiting for a worker";
  if (job.state === "failed") return job.failure?.message ?? "failed";
  const { phase, phase_fraction: share, step, steps } = job.progress;
  const epoch = epochText(job.progress);
  if (job.state === "running" && (phase === "staging" || phase === "preparing"))
    return `${PHASES[phase]}${share === null ? "" : ` ${percent(share)}`}`;
  return `${integer(step)} / ${totalSteps(steps)}${epoch && ` · ${epoch}`}`;
}

function JobRow({ job }: { job: JobSummary }) {
  const now = useNow();
  const task = useTasks().of(job.task);
  const speed = job.state === "running" ? job.latest["train/tokens_per_s"] : undefined;
  return (
    <tr className="row-link">
      <td className="cell-state">
        <StateChip job={job} />
      </td>
      <td className="cell-main">
        <Link href={`/jobs/${job.id}`} className="row-anchor" data-row-link>
          <Name>{job.name}</Name>
        </Link>
        <div className="cell-sub truncate">
          {task?.title ?? job.task} · {job.preset ?? "custom size"}
          {job.priority !== 0 && ` · priority ${job.priority}`}
        </div>
      </td>
      <td className="cell-progress">
        <ProgressBar job={job} label={`Progress of ${job.name}`} />
        <div className="cell-sub truncate" title={stateText(job)}>
          {stateText(job)}
        </div>
      </td>
      <td className="cell-number" data-label="Train loss">
        {metric(job.latest["train/loss"])}
      </td>
      <td className="cell-number" data-label="Held-out loss">
        {metric(job.latest["eval/loss"])}
      </td>
      <td className="cell-number" data-label="Tokens/s">
        {typeof speed === "number" ? compact(speed) : NONE}
      </td>
      <td className="cell-number" data-label="Time">
        {timeLeft(job, now)}
      </td>
      <td className="cell-number cell-time" data-label="Created">
        <Time at={job.created_at} />
      </td>
    </tr>
  );
}

function SkeletonRows() {
  return Array.from({ length: 8 }, (_, index) => (
    <tr key={index}>
      <td className="cell-state">
        <Skeleton width={84} height={22} />
      </td>
      <td className="cell-main">
        <Skeleton width={150} />
      </td>
      <td className="cell-progress" colSpan={6}>
        <Skeleton width={160} height={6} />
      </td>
    </tr>
  ));
}

function NoJobs({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <Empty icon="search" title="No job matches">
        <p className="muted">Another state or name may.</p>
        <Button onClick={clear}>Show all jobs</Button>
      </Empty>
    );
  }
  return (
    <Empty icon="jobs" title="No jobs yet">
      <p className="muted">
        Upload some text, then start the first run. It takes a minute with the smallest model.
      </p>
      <div className="actions">
        <ButtonLink look="primary" icon="upload" href="/datasets/new">
          Upload a dataset
        </ButtonLink>
        <ButtonLink icon="plus" href="/jobs/new">
          New job
        </ButtonLink>
      </div>
      <CodeBlock label="command" code={"seedbed dataset upload corpus.txt\nseedbed job submit -f job.yaml"} />
    </Empty>
  );
}

export function JobsPage() {
  useTitle("Jobs");
  useRowKeys();
  const [search, setSearch] = useSearchParams();
  const states = search
    .getAll("state")
    .filter((state): state is JobState => STATES.includes(state as JobState));
  const name = search.get("name") ?? "";
  const cursors = search.getAll("cursor");
  const { data, error, isPending, refetch } = useQuery(jobs({ states, name, cursor: cursors.at(-1) }));

  const change = (edit: (next: URLSearchParams) => void, replace = true) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        edit(next);
        return next;
      },
      { replace },
    );
  const choose = (state: JobState | null) =>
    change((next) => {
      next.delete("cursor");
      next.delete("state");
      if (state) next.append("state", state);
    });

  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(name);
  useShortcuts({ "/": () => box.current?.focus() });
  useEffect(() => {
    if (typed === name) return;
    const timer = setTimeout(() => {
      change((next) => {
        next.delete("cursor");
        if (typed) next.set("name", typed);
        else next.delete("name");
      });
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  });

  const filtered = states.length > 0 || name !== "";
  const chosen = states[0] ?? null;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Jobs</h1>
        <div className="filters">
          <div className="segments" role="group" aria-label="Filter by state">
            {[null, ...STATES].map((state) => (
              <button
                key={state ?? "all"}
                type="button"
                aria-pressed={chosen === state}
                onClick={() => choose(state)}
              >
                {state ? STATE_NAMES[state] : "All"}
              </button>
            ))}
          </div>
          <label className="search">
            <Icon name="search" />
            <span className="visually-hidden">Filter by name</span>
            <input
              ref={box}
              type="search"
              placeholder="Filter by name"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
            <kbd>/</kbd>
          </label>
        </div>
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {data?.data.length === 0 ? (
        <NoJobs
          filtered={filtered}
          clear={() => {
            setTyped("");
            setSearch({}, { replace: true });
          }}
        />
      ) : (
        <div className="table-card">
          <table className="table table-jobs">
            <thead>
              <tr>
                <th>State</th>
                <th>Name</th>
                <th>Progress</th>
                <th className="cell-number">Train loss</th>
                <th className="cell-number">Held-out loss</th>
                <th className="cell-number">Tokens/s</th>
                <th className="cell-number">Time</th>
                <th className="cell-number">Created</th>
              </tr>
            </thead>
            <tbody>
              {isPending ? <SkeletonRows /> : data?.data.map((job) => <JobRow key={job.id} job={job} />)}
            </tbody>
          </table>
        </div>
      )}
      {(cursors.length > 0 || data?.has_more) && (
        <div className="pager">
          <Button
            disabled={cursors.length === 0}
            onClick={() =>
              change((next) => {
                next.delete("cursor");
                cursors.slice(0, -1).forEach((cursor) => next.append("cursor", cursor));
              })
            }
          >
            Newer
          </Button>
          <Button
            disabled={!data?.has_more}
            onClick={() => {
              const cursor = data?.next;
              if (cursor) change((next) => next.append("cursor", cursor), false);
            }}
          >
            Older
          </Button>
        </div>
      )}
    </div>
  );
}
