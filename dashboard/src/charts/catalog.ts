/** Which charts a job has. The usual ones are known in advance, so that their space is reserved before the first point. */

import type { Metric, Task, Tasks } from "@/tasks/tasks";
import { meaningOf } from "./metrics";

export interface ChartSeries {
  metric: string;
  label: string;
  color: string;
  /** `line`: dense, with a band and smoothing. `marks`: sparse points, joined. `level`: a constant to compare with. */
  kind: "line" | "marks" | "level";
  /** Whether it is noisy, so that a smoothed curve helps. */
  noisy: boolean;
}

export interface ChartSpec {
  id: string;
  title: string;
  series: ChartSeries[];
  /** Whether a logarithmic axis makes sense. */
  log: boolean;
  format: "value" | "percent" | "megabytes";
  /** How to read it. */
  hint?: string;
}

export interface ChartGroup {
  title: string;
  charts: ChartSpec[];
}

const line = (metric: string, label = "", color = "--chart-3"): ChartSeries => ({
  metric,
  label,
  color,
  kind: "line",
  noisy: true,
});
const marks = (metric: string, label = ""): ChartSeries => ({
  metric,
  label,
  color: "--chart-eval",
  kind: "marks",
  noisy: false,
});

const LOSS = ["train/loss", "eval/loss"];

const lossMetric = (task: Task | undefined): Metric | undefined =>
  task?.metrics.find(({ group }) => group === "loss");

/** The chart of the loss, with the task's reference values. */
export function lossOf(task: Task | undefined): ChartSpec {
  const metric = lossMetric(task);
  const series = (metric?.series ?? LOSS).map((name) =>
    name.startsWith("eval/") ? marks(name, "held out") : line(name, "train", "--chart-train"),
  );
  const level = task?.metrics.find(({ name }) => name === metric?.level);
  for (const name of level?.series ?? [])
    series.push({
      metric: name,
      label: level?.title.toLowerCase() ?? "",
      color: "--text-3",
      kind: "level",
      noisy: false,
    });
  return {
    id: "loss",
    title: metric?.title ?? "Loss",
    series,
    log: metric?.logarithmic ?? true,
    format: "value",
    ...(metric?.hint && { hint: metric.hint }),
  };
}

const partsOf = (metric: string): [string, string] => {
  const slash = metric.indexOf("/");
  return [metric.slice(0, slash), metric.slice(slash + 1)];
};

function chart(id: string, name: string, series: ChartSeries[], tasks: Tasks): ChartSpec {
  const { title, format = "value", log = false, hint } = meaningOf(name, tasks);
  return { id, title, series, log, format, ...(hint && { hint }) };
}

/** One chart for a name: its training series, and its held-out series if that is measured. */
function ofBoth(name: string, metrics: ReadonlySet<string>, tasks: Tasks): ChartSpec {
  const trained = metrics.has(`train/${name}`);
  const evaluated = metrics.has(`eval/${name}`);
  if (trained && evaluated)
    return chart(
      name,
      name,
      [line(`train/${name}`, "train", "--chart-train"), marks(`eval/${name}`, "held out")],
      tasks,
    );
  if (trained) return chart(name, name, [line(`train/${name}`)], tasks);
  const spec = chart(name, name, [marks(`eval/${name}`)], tasks);
  return { ...spec, title: `${spec.title}, held out` };
}

/** Names in the given order first, the others alphabetically. */
function ordered(names: Iterable<string>, first: string[]): string[] {
  const all = new Set(names);
  return [...first.filter((name) => all.delete(name)), ...[...all].sort()];
}

/** The metrics that will be measured at least, before any point exists. */
export function expectedOf(task: Task | undefined, tasks: Tasks): string[] {
  return (task?.metrics ?? tasks.shared("run"))
    .filter(({ always }) => always)
    .flatMap(({ series }) => series);
}

/** The charts other than the loss, in groups: each metric is in exactly one of them. */
export function chartsBeside(names: Iterable<string>, task: Task | undefined, tasks: Tasks): ChartGroup[] {
  const metrics = new Set(names);
  for (const { metric } of lossOf(task).series) metrics.delete(metric);
  // One of these is the other times a constant.
  metrics.delete(task?.modality === "text" ? "train/samples_per_s" : "train/tokens_per_s");
  const run = tasks.shared("run");
  const runSeries = run.flatMap(({ series }) => series);
  const own = new Set<string>();
  const other = new Set<string>();
  const learned = new Set<string>();
  for (const metric of metrics) {
    const [area, name] = partsOf(metric);
    if (area === "health" || area === "probe") learned.add(metric);
    else if ((area === "train" && !runSeries.includes(metric)) || area === "eval") own.add(name);
    else other.add(metric);
  }
  const groups: ChartGroup[] = [
    {
      title: task?.title ?? "Task",
      charts: ordered(own, task?.metrics.map(({ name }) => name) ?? []).map((name) =>
        ofBoth(name, metrics, tasks),
      ),
    },
    {
      title: "Representation",
      charts: ordered(
        learned,
        tasks.shared("representation").flatMap(({ series }) => series),
      ).map((metric) => chart(metric, partsOf(metric)[1], [marks(metric)], tasks)),
    },
    {
      title: "Run",
      charts: ordered(other, runSeries).map((metric) => {
        const known = run.find(({ series }) => series.includes(metric));
        const name = known?.name ?? partsOf(metric)[1];
        return chart(known?.name ?? metric, name, [{ ...line(metric), noisy: known?.noisy ?? true }], tasks);
      }),
    },
  ];
  return groups.filter(({ charts }) => charts.length > 0);
}
