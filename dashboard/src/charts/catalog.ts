/** Which charts a job has. The usual ones are known beforehand, so that their places are kept before any point comes. */

import { TASKS, taskOf, type TaskKind } from "@/form/tasks";
import { meaningOf } from "./metrics";

export interface ChartSeries {
  metric: string;
  label: string;
  color: string;
  /** `line`: dense, with a band and smoothing. `marks`: sparse points, joined. `level`: a constant to compare with. */
  kind: "line" | "marks" | "level";
  /** Whether it is noisy, so that an average helps the eye. */
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
const UNIGRAM: ChartSeries = {
  metric: "eval/unigram_entropy",
  label: "unigram",
  color: "--text-3",
  kind: "level",
  noisy: false,
};

/** The curve that everybody looks at first, with what the task has to compare it with. */
export function lossOf(kind: string): ChartSpec {
  const series = [line("train/loss", "train", "--chart-train")];
  if (kind !== "gan") series.push(marks("eval/loss", "held out"));
  if (kind === "masked_lm") series.push(UNIGRAM);
  return { id: "loss", title: "Loss", series, log: true, format: "value" };
}

/** Of the run itself, in this order; the first three whoever looks at a run asks for. */
const RUN = ["learning_rate", "gradient_norm", "tokens_per_s", "samples_per_s", "data_wait_fraction"];
const EXACT = new Set(["train/learning_rate", "system/memory_mb"]);

/** What a task measures of itself, so far as it is known before the first point; titles say the rest. */
const OWN: Partial<Record<TaskKind, string[]>> = {
  masked_lm: ["masked_accuracy", "perplexity", "bits_per_byte"],
  causal_lm: ["perplexity", "bits_per_byte"],
  text_denoising_autoencoder: ["perplexity", "bits_per_byte"],
  rotation: ["rotation_accuracy"],
  contrastive: ["contrastive_accuracy"],
  wav2vec2: ["contrastive_accuracy", "codebook_perplexity"],
  colorization: ["colour_error"],
  denoising_autoencoder: ["clean_loss"],
  gan: ["frechet_distance_label_cnn", "discriminator_accuracy", "discriminator_loss", "generator_loss"],
};
const HEALTH = ["health/rankme", "health/std", "health/uniformity", "health/alignment"];
const PROBES = ["probe/knn_accuracy", "probe/linear_accuracy"];

const partsOf = (metric: string): [string, string] => {
  const slash = metric.indexOf("/");
  return [metric.slice(0, slash), metric.slice(slash + 1)];
};

function chart(id: string, name: string, series: ChartSeries[]): ChartSpec {
  const { title, format = "value", log = false, hint } = meaningOf(name);
  return { id, title, series, log, format, ...(hint && { hint }) };
}

/** One chart for a name: how training sees it, and the held-out part where that was measured, too. */
function ofBoth(name: string, metrics: ReadonlySet<string>): ChartSpec {
  const trained = metrics.has(`train/${name}`);
  const evaluated = metrics.has(`eval/${name}`);
  if (trained && evaluated)
    return chart(name, name, [
      line(`train/${name}`, "train", "--chart-train"),
      marks(`eval/${name}`, "held out"),
    ]);
  if (trained) return chart(name, name, [line(`train/${name}`)]);
  const spec = chart(name, name, [marks(`eval/${name}`)]);
  return { ...spec, title: `${spec.title}, held out` };
}

/** Names in an order of their own first, the others by the alphabet. */
function ordered(names: Iterable<string>, first: string[]): string[] {
  const all = new Set(names);
  return [...first.filter((name) => all.delete(name)), ...[...all].sort()];
}

/** What will be measured at least, before anything was. */
export function expectedOf(kind: string): string[] {
  const task = taskOf(kind);
  const run = [...RUN.map((name) => `train/${name}`), "system/memory_mb"];
  const own = OWN[kind as TaskKind] ?? [];
  const learned = task && task.modality !== "text" && kind !== "gan" ? HEALTH.slice(0, 3) : [];
  const trained = kind === "gan" ? ["train/discriminator_loss", "train/generator_loss"] : [];
  const evaluated = own.filter((name) => !trained.includes(`train/${name}`)).map((name) => `eval/${name}`);
  return [...run, ...trained, ...evaluated, ...learned];
}

/** The charts beside the loss, in groups: each metric is in exactly one of them. */
export function chartsBeside(names: Iterable<string>, kind: string): ChartGroup[] {
  const metrics = new Set(names);
  for (const { metric } of lossOf(kind).series) metrics.delete(metric);
  // The one is the other times a constant.
  const text = (TASKS as Partial<typeof TASKS>)[kind as TaskKind]?.modality === "text";
  metrics.delete(text ? "train/samples_per_s" : "train/tokens_per_s");
  const own = new Set<string>();
  const run = new Set<string>();
  const learned = new Set<string>();
  for (const metric of metrics) {
    const [area, name] = partsOf(metric);
    if (area === "health" || area === "probe") learned.add(metric);
    else if ((area === "train" && !RUN.includes(name)) || area === "eval") own.add(name);
    else run.add(metric);
  }
  const runFirst = [...RUN.map((name) => `train/${name}`), "system/memory_mb"];
  const groups: ChartGroup[] = [
    {
      title: taskOf(kind)?.title ?? "Task",
      charts: ordered(own, OWN[kind as TaskKind] ?? []).map((name) => ofBoth(name, metrics)),
    },
    {
      title: "Representation",
      charts: ordered(learned, [...PROBES, ...HEALTH]).map((metric) =>
        chart(metric, partsOf(metric)[1], [marks(metric)]),
      ),
    },
    {
      title: "Run",
      charts: ordered(run, runFirst).map((metric) => {
        const [, name] = partsOf(metric);
        const id = RUN.includes(name) ? name : metric;
        return chart(id, name, [{ ...line(metric), noisy: !EXACT.has(metric) }]);
      }),
    },
  ];
  return groups.filter(({ charts }) => charts.length > 0);
}
