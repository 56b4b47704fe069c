import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { useJobLive } from "@/charts/useJobLive";
import { integer, isolated, percent } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { ErrorBox } from "@/ui/Notice";
import { CheckpointsTab } from "./CheckpointsTab";
import { CurvesTab } from "./CurvesTab";
import { EventsTab } from "./EventsTab";
import { FailureNotice, JobHeader, JobHeaderSkeleton } from "./JobHeader";
import { LogTab } from "./LogTab";
import { PlaygroundTab } from "./PlaygroundTab";
import { ReportsTab } from "./ReportsTab";
import { SamplesTab } from "./SamplesTab";
import { SpecTab } from "./SpecTab";
import { StagesTab } from "./StagesTab";

const TABS = [
  ["curves", "Curves"],
  ["samples", "Samples"],
  ["reports", "Reports"],
  ["checkpoints", "Checkpoints"],
  ["playground", "Try it out"],
  ["events", "Events"],
  ["log", "Log"],
  ["stages", "Stages"],
  ["spec", "Spec"],
] as const;

function Tabs({ id, tab, job }: { id: string; tab: string; job: Job }) {
  return (
    <nav className="tabs" aria-label="Job">
      {TABS.filter(([path]) => path !== "stages" || job.spec.continual).map(([path, name]) => (
        <Link
          key={path}
          href={path === "curves" ? `/jobs/${id}` : `/jobs/${id}/${path}`}
          aria-current={tab === path ? "page" : undefined}
        >
          {name}
          {path === "checkpoints" && <span className="tab-count num">{integer(job.checkpoints)}</span>}
        </Link>
      ))}
    </nav>
  );
}

export function JobPage({ id, tab }: { id: string; tab: string }) {
  const { data: job, error, refetch } = useQuery(queries.job(id));
  const { stream, live } = useJobLive(id, job ? isTerminal(job.state) : false);
  useTitle(
    job
      ? `${job.state === "running" ? `${percent(job.progress.fraction)} ` : ""}${isolated(job.name)}`
      : "Job",
  );

  if (error && !job) {
    return (
      <div className="page">
        <ErrorBox error={error} retry={() => void refetch()} />
      </div>
    );
  }
  return (
    <div className="page">
      {job ? <JobHeader job={job} stream={stream} /> : <JobHeaderSkeleton />}
      {job?.failure && <FailureNotice failure={job.failure} />}
      {job?.pause && <FailureNotice paused failure={job.pause} />}
      {/* The rest of the page is drawn after the job is loaded: a failure's notice would move it down. */}
      {job && (
        <>
          <Tabs id={id} tab={tab} job={job} />
          {tab === "curves" && <CurvesTab job={job} live={live} />}
          {tab === "samples" && <SamplesTab job={job} />}
          {tab === "reports" && <ReportsTab job={job} />}
          {tab === "checkpoints" && <CheckpointsTab job={job} />}
          {tab === "playground" && <PlaygroundTab job={job} />}
          {tab === "events" && <EventsTab id={id} />}
          {tab === "log" && <LogTab job={job} />}
          {tab === "stages" && <StagesTab job={job} />}
          {tab === "spec" && <SpecTab job={job} />}
        </>
      )}
    </div>
  );
}
