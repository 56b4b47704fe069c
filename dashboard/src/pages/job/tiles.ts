/** The seven tiles of a job: four metrics of the task (its losses first), then three numbers of the run. */

import type { Job } from "@/api/types";
import { meaningOf } from "@/charts/metrics";
import { compact, integer, metric, NONE, percent } from "@/lib/format";
import type { Metric, Modality, Task, Tasks } from "@/tasks/tasks";

/** Number of tiles for metrics of the task, its losses included. */
const OWN = 4;
const LOSSES = ["train/loss", "eval/loss"];

const PACE: Record<Modality, [string, string, string]> = {
  text: ["Tokens/s", "train/tokens_per_s", "Tokens seen"],
  image: ["Images/s", "train/samples_per_s", "Images seen"],
  audio: ["Clips/s", "train/samples_per_s", "Clips seen"],
};

/** The main series of a metric: the one of the held-out split, if there is one. */
const telling = ({ series }: Metric): string =>
  series.find((name) => name.startsWith("eval/")) ?? series[0] ?? "";

/** Titles and series of the metrics that have a tile. */
const tiled = (metrics: readonly Metric[]): [string, string][] =>
  metrics.flatMap((one) => (one.tile ? [[one.tile, telling(one)] as [string, string]] : []));

/**
 * The task's own metrics besides its losses, the most important first. Those with a value in `measured` come before the
 * others: which ones a job has may depend on its labels.
 */
export function figuresOf(
  task: Task | undefined,
  tasks: Tasks,
  measured: Readonly<Record<string, unknown>>,
): [string, string][] {
  const metrics = task?.metrics ?? tasks.shared("representation");
  const all = tiled(metrics.filter(({ group }) => group === "task" || group === "representation"));
  const present = all.filter(([, series]) => typeof measured[series] === "number");
  const absent = all.filter((one) => !present.includes(one));
  return [...present, ...absent];
}

function value(job: Job, name: string, tasks: Tasks): string {
  const latest = job.latest[name];
  if (typeof latest !== "number") return NONE;
  return meaningOf(name.slice(name.indexOf("/") + 1), tasks).format === "percent"
    ? percent(latest, 1)
    : metric(latest);
}

function seen({ progress, spec: { training } }: Job, modality: Modality): string {
  if (typeof training.batch_size !== "number") return NONE;
  const samples = progress.step * training.batch_size;
  return compact(modality === "text" ? samples * training.sequence_length : samples);
}

/** Titles and values; without a job, the titles that most jobs have. */
export function tilesOf(job: Job | undefined, tasks: Tasks): [string, string][] {
  const task = job ? tasks.of(job.spec.task.kind) : tasks.list[0];
  const modality = task?.modality ?? "text";
  const [pace, perSecond, all] = PACE[modality];
  const rate = job?.latest[perSecond];
  const losses = (task?.metrics.find(({ group }) => group === "loss")?.series ?? LOSSES).map(
    (name): [string, string] => [name.startsWith("eval/") ? "Held-out loss" : "Train loss", name],
  );
  const measured = [...losses, ...figuresOf(task, tasks, job?.latest ?? {})].slice(0, OWN);
  return [
    ...[...measured, ...tiled(tasks.shared("run"))].map(([title, name]): [string, string] => [
      title,
      job ? value(job, name, tasks) : "",
    ]),
    [pace, typeof rate === "number" ? (rate < 100 ? metric(rate) : integer(rate)) : NONE],
    [all, job ? seen(job, modality) : ""],
  ];
}
