import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { StreamState } from "@/api/stream";
import { isTerminal, type Job } from "@/api/types";
import { progressText } from "@/lib/epochs";
import { duration, NONE, percent, shortId } from "@/lib/format";
import { useTasks } from "@/tasks/context";
import { Back } from "@/ui/Back";
import { Id } from "@/ui/Copy";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import { Skeleton } from "@/ui/Notice";
import { PHASES, ProgressBar, StateChip } from "@/ui/State";
import { Time, useNow } from "@/ui/Time";
import { JobActions } from "./JobActions";
import { Origin } from "./Origin";
import { tilesOf } from "./tiles";

function Line({ stream }: { stream: StreamState }) {
  const text = { connecting: "connecting…", live: "live", reconnecting: "reconnecting…", ended: "" }[stream];
  return (
    <span className={`line line-${stream}`} role="status">
      {text && <i className="dot dot-live" aria-hidden="true" />}
      {text}
    </span>
  );
}

function stateText(job: Job): string {
  const { phase, phase_fraction: share } = job.progress;
  const progress = progressText(job.progress);
  switch (job.state) {
    case "queued":
      return job.waiting_reason ?? "Waiting for a worker";
    case "running":
      if (phase === "staging" || phase === "preparing")
        return `${PHASES[phase]}${share === null ? "…" : `, ${percent(share)}`}`;
      return `${phase ? PHASES[phase] : "Starting"} · ${progress}`;
    default:
      return `${progress.slice(0, 1).toUpperCase()}${progress.slice(1)}`;
  }
}

function ProgressStrip({ job }: { job: Job }) {
  const now = useNow();
  const started = job.started_at ? new Date(job.started_at) : null;
  const end = job.finished_at ? new Date(job.finished_at) : now;
  const elapsed = started ? duration((end.getTime() - started.getTime()) / 1000) : NONE;
  const eta = job.state === "running" ? job.progress.eta_seconds : null;
  return (
    <div className="strip">
      <div className="strip-text num">
        <span className="truncate">{stateText(job)}</span>
        <span className="strip-times">
          {!isTerminal(job.state) && (
            <span>
              <span className="faint">left</span> {eta === null ? NONE : duration(eta)}
            </span>
          )}
          <span>
            <span className="faint">{job.finished_at ? "took" : "so far"}</span> {elapsed}
          </span>
          <b>{percent(job.progress.fraction)}</b>
        </span>
      </div>
      <ProgressBar job={job} label={`Progress of ${job.name}`} />
    </div>
  );
}

function Tiles({ job }: { job: Job | undefined }) {
  const tasks = useTasks();
  return (
    <dl className="tiles">
      {tilesOf(job, tasks).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="num">{job ? value : <Skeleton width={56} height={16} />}</dd>
        </div>
      ))}
    </dl>
  );
}

function Meta({ job }: { job: Job }) {
  const tasks = useTasks();
  const dataset = useQuery(queries.dataset(job.dataset)).data;
  return (
    <div className="job-meta">
      <Id id={job.id} short={shortId(job.id)} />
      <Link href={`/datasets/${job.dataset}`} className="link job-meta-dataset">
        <Name>{dataset?.name ?? shortId(job.dataset)}</Name>
      </Link>
      <span>{job.spec.model.preset ?? "custom size"}</span>
      <span title={job.spec.task.kind}>{tasks.of(job.spec.task.kind)?.title ?? job.spec.task.kind}</span>
      {job.attempt > 1 && (
        <span>
          attempt <b className="num">{job.attempt}</b>
        </span>
      )}
      {job.parent && <Origin {...job.parent} />}
      <span>
        created <Time at={job.created_at} />
      </span>
    </div>
  );
}

export function JobHeader({ job, stream }: { job: Job; stream: StreamState }) {
  return (
    <header className="job-head">
      <Back href="/jobs">Jobs</Back>
      <div className="job-title">
        <h1 className="whole-name" dir="auto">
          <bdi title={job.name}>{job.name}</bdi>
        </h1>
        <StateChip job={job} />
        <Line stream={stream} />
        <JobActions job={job} />
      </div>
      <Meta job={job} />
      <ProgressStrip job={job} />
      <Tiles job={job} />
    </header>
  );
}

/** A placeholder as high as the header, so that nothing moves when the job is loaded. */
export function JobHeaderSkeleton() {
  return (
    <header className="job-head">
      <Back href="/jobs">Jobs</Back>
      <div className="job-title">
        <h1>
          <Skeleton width={180} height={20} />
        </h1>
        <div className="job-actions" />
      </div>
      <div className="job-meta">
        <Skeleton width={280} />
      </div>
      <div className="strip">
        <div className="strip-text">
          <Skeleton width={160} />
        </div>
        <div className="bar" />
      </div>
      <Tiles job={undefined} />
    </header>
  );
}

interface FailureNoticeProps {
  failure: NonNullable<Job["failure"]> | NonNullable<Job["pause"]>;
  /** A notice about a paused job. */
  paused?: boolean;
}

export function FailureNotice({ failure, paused = false }: FailureNoticeProps) {
  return (
    <div className={`notice ${paused ? "notice-warning" : "notice-error"}`} role="alert">
      <Icon name="alert" />
      <div className="notice-body">
        <p>{failure.message}</p>
        {failure.hint && <p className="muted">{failure.hint}</p>}
        <p className="notice-meta">
          <code>{failure.code}</code>
          {Object.entries("details" in failure ? (failure.details ?? {}) : {}).map(([name, value]) => (
            <span key={name}>
              {" · "}
              {name} <code>{JSON.stringify(value)}</code>
            </span>
          ))}
        </p>
      </div>
    </div>
  );
}
