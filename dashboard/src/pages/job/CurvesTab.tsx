import { useQuery } from "@tanstack/react-query";
import { Fragment, useCallback, useMemo, useSyncExternalStore } from "react";
import { useSearchParams } from "wouter";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { chartsBeside, expectedOf, lossOf, type ChartSpec } from "@/charts/catalog";
import { Chart } from "@/charts/Chart";
import type { LiveMetrics } from "@/charts/live";
import type { PlotView } from "@/charts/plot";
import { MAX_POINTS } from "@/charts/useJobLive";
import { stepsPerEpoch } from "@/lib/epochs";
import { bucket, emptyTrace, merge, slice, traceOf, type Trace } from "@/lib/points";
import { useTasks } from "@/tasks/context";
import { ErrorBox } from "@/ui/Notice";
import { CurvesToolbar, useCurvesView } from "./CurvesToolbar";
import { SidePanel } from "./SidePanel";

const LOSS_HEIGHT = 320;
const SMALL_HEIGHT = 150;

const NOTHING = emptyTrace();

/** The requested points and those that the stream has added, reduced to as many as the chart can show. */
function useTraces(id: string, live: LiveMetrics, zoom: [number, number] | null) {
  const { traces: came, lastStep } = useSyncExternalStore(live.subscribe, live.snapshot);
  const whole = useQuery(queries.metrics(id, { maxPoints: MAX_POINTS }));
  const zoomed = useQuery({
    ...queries.metrics(id, { from: zoom?.[0], to: zoom?.[1], maxPoints: MAX_POINTS }),
    enabled: zoom !== null,
  });
  const base = (zoom && zoomed.data?.series) ?? whole.data?.series;
  const [from, to] = zoom ?? [0, Infinity];
  const traces = useMemo(() => {
    const names = new Set([...Object.keys(base ?? {}), ...came.keys()]);
    const drawn = new Map<string, Trace>();
    for (const name of names) {
      const series = base?.[name];
      const asked = series ? traceOf(series) : emptyTrace();
      drawn.set(name, bucket(merge(asked, slice(came.get(name) ?? NOTHING, from, to)), 2 * MAX_POINTS));
    }
    return drawn;
  }, [base, came, from, to]);
  return {
    traces,
    lastStep,
    error: whole.error ?? zoomed.error,
    pending: whole.isPending,
    retry: whole.refetch,
  };
}

function tracesOf(spec: ChartSpec, traces: Map<string, Trace>): Trace[] {
  return spec.series.map(({ metric }) => traces.get(metric) ?? NOTHING);
}

function waitingText(job: Job, pending: boolean): string {
  if (pending) return "Loading…";
  if (job.state === "queued") return "Points come as soon as a worker takes the job.";
  return isTerminal(job.state) ? "Nothing was measured." : "Points come as soon as training begins.";
}

export function CurvesTab({ job, live }: { job: Job; live: LiveMetrics }) {
  const [, setSearch] = useSearchParams();
  const { smoothing, log, zoom } = useCurvesView();
  const { traces, lastStep: lastLive, error, pending, retry } = useTraces(job.id, live, zoom);
  const { log_every: every } = job.spec.training;
  const { steps } = job.progress;

  // The axis ends at the last step that was ever seen: a run that resumes from an earlier step does not shorten it.
  const lastStep = Math.max(
    lastLive,
    job.progress.step,
    ...[...traces.values()].map((trace) => trace.steps.at(-1) ?? 0),
    1,
  );
  const [from, to] = zoom ?? [0, lastStep];
  const span = Math.max(every, (steps ?? lastStep) / 500);
  const view = useMemo<PlotView>(
    () => ({ smoothing, log, span, range: [from, to] }),
    [smoothing, log, span, from, to],
  );

  const onZoom = useCallback(
    (first: number, last: number) =>
      setSearch((before) => {
        const next = new URLSearchParams(before);
        next.set("from", String(first));
        next.set("to", String(Math.max(first + 1, last)));
        return next;
      }),
    [setSearch],
  );
  const onReset = useCallback(
    () =>
      setSearch((before) => {
        const next = new URLSearchParams(before);
        next.delete("from");
        next.delete("to");
        return next;
      }),
    [setSearch],
  );

  // An ended job has charts of its measured metrics; another one also of those that its task always measures.
  const tasks = useTasks();
  const task = tasks.of(job.spec.task.kind);
  const foreseen = isTerminal(job.state) ? [] : expectedOf(task, tasks);
  const names = [...new Set([...foreseen, ...Object.keys(job.latest), ...traces.keys()])].sort().join(" ");
  const loss = useMemo(() => lossOf(task), [task]);
  const beside = useMemo(
    () => chartsBeside(names.split(" ").filter(Boolean), task, tasks),
    [names, task, tasks],
  );
  const perEpoch = stepsPerEpoch(job.progress);
  const shared = { view, waiting: waitingText(job, pending), perEpoch, onZoom, onReset };
  return (
    <>
      <CurvesToolbar job={job.id} onReset={onReset} onZoom={onZoom} lastStep={lastStep} />
      {error && <ErrorBox error={error} retry={() => void retry()} />}
      <div className="curves">
        <Chart {...shared} wide spec={loss} height={LOSS_HEIGHT} traces={tracesOf(loss, traces)} />
        <SidePanel job={job} />
        {beside.map(({ title, charts }) => (
          <Fragment key={title}>
            <h2 className="curves-group">{title}</h2>
            {charts.map((spec) => (
              <Chart
                key={spec.id}
                {...shared}
                spec={spec}
                height={SMALL_HEIGHT}
                traces={tracesOf(spec, traces)}
              />
            ))}
          </Fragment>
        ))}
      </div>
    </>
  );
}
