/** Which charts a job has. The usual ones are known beforehand, so that their places are kept before any point comes. */

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
}

const line = (metric: string, label = "", color = "--chart-3"): ChartSeries => ({
  metric,
  label,
  color,
  kind: "line",
  noisy: true,
});
const exact = (metric: string): ChartSeries => ({ ...line(metric), noisy: false });
const marks = (metric: string, label = ""): ChartSeries => ({
  metric,
  label,
  color: "--chart-eval",
  kind: "marks",
  noisy: false,
});

export const LOSS: ChartSpec = {
  id: "loss",
  title: "Loss",
  series: [
    line("train/loss", "train", "--chart-train"),
    marks("eval/loss", "held out"),
    { metric: "eval/unigram_entropy", label: "unigram", color: "--text-3", kind: "level", noisy: false },
  ],
  log: true,
  format: "value",
};

const USUAL: ChartSpec[] = [
  {
    id: "learning_rate",
    title: "Learning rate",
    series: [exact("train/learning_rate")],
    log: true,
    format: "value",
  },
  {
    id: "gradient_norm",
    title: "Gradient norm",
    series: [line("train/gradient_norm")],
    log: true,
    format: "value",
  },
  {
    id: "tokens",
    title: "Tokens per second",
    series: [line("train/tokens_per_s")],
    log: false,
    format: "value",
  },
  {
    id: "accuracy",
    title: "Masked accuracy, held out",
    series: [marks("eval/masked_accuracy")],
    log: false,
    format: "percent",
  },
  {
    id: "perplexity",
    title: "Perplexity, held out",
    series: [marks("eval/perplexity")],
    log: true,
    format: "value",
  },
  {
    id: "data_wait",
    title: "Share of time waiting for data",
    series: [line("train/data_wait_fraction")],
    log: false,
    format: "percent",
  },
  { id: "memory", title: "Memory", series: [exact("system/memory_mb")], log: false, format: "megabytes" },
];

// As tokens per second, times a constant.
const NOT_SHOWN = new Set(["train/samples_per_s"]);

const titleOf = (metric: string): string => {
  const words = metric
    .replace(/^train\//, "")
    .replaceAll("/", ": ")
    .replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** The charts beside the loss: the usual ones, then one for each metric that none of them shows. */
export function chartsBeside(metrics: Iterable<string>): ChartSpec[] {
  const known = new Set(
    [...LOSS.series, ...USUAL.flatMap((chart) => chart.series)].map((series) => series.metric),
  );
  const others = [...metrics].filter((metric) => !known.has(metric) && !NOT_SHOWN.has(metric)).sort();
  return [
    ...USUAL,
    ...others.map((metric): ChartSpec => {
      const series = metric.startsWith("eval/") ? marks(metric) : line(metric);
      return { id: metric, title: titleOf(metric), series: [series], log: true, format: "value" };
    }),
  ];
}
