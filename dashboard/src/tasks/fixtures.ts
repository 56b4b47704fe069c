/** Invented tasks for tests, so that the tests hold for any task that the service describes. */

import { Tasks, type Metric, type Recipe, type Task } from "./tasks";

export function metric(name: string, areas: string[], more: Partial<Metric> = {}): Metric {
  return {
    name,
    series: areas.map((area) => `${area}/${name}`),
    title: name,
    group: "task",
    better: null,
    unit: null,
    hint: null,
    logarithmic: false,
    always: true,
    noisy: true,
    tile: null,
    level: null,
    ...more,
  };
}

const RUN: Metric[] = [
  metric("learning_rate", ["train"], {
    title: "Learning rate",
    group: "run",
    logarithmic: true,
    noisy: false,
    tile: "Learning rate",
  }),
  metric("tokens_per_s", ["train"], { title: "Tokens per second", group: "run" }),
  metric("samples_per_s", ["train"], { title: "Samples per second", group: "run" }),
  metric("memory_mb", ["system"], { title: "Memory", group: "run", unit: "MB", noisy: false }),
];
const REPRESENTATION: Metric[] = [
  metric("probe_score", ["probe"], {
    title: "Probe",
    group: "representation",
    unit: "share",
    always: false,
    tile: "Probe",
  }),
  metric("rank", ["health"], { title: "Effective rank", group: "representation", tile: "Rank" }),
];
const loss = (areas: string[], more: Partial<Metric> = {}) =>
  metric("loss", areas, { title: "Loss", group: "loss", logarithmic: true, ...more });

const recipe = (name: string, title: string, spec: Recipe["spec"]): Recipe => ({
  name,
  title,
  description: `${title} of some steps`,
  spec,
});

export function task(
  kind: string,
  modality: Task["modality"],
  own: Metric[],
  recipes: Recipe[],
  more: Partial<Task> = {},
): Task {
  return {
    object: "task",
    kind,
    title: `The task ${kind}`,
    choose_if: "Choose this if you test.",
    description: "",
    modality,
    needs_labels: false,
    predictions: [],
    networks: [],
    metrics: [...own, ...RUN],
    recipes,
    fields: FIELDS[modality],
    main_fields: [],
    exports: [],
    opening: { loader: "AutoModel", code: 'open("{folder}")' },
    documentation: null,
    package: null,
    ...more,
  };
}

const FIELDS: Record<Task["modality"], string[]> = {
  text: ["training.sequence_length", "data.tokenizer"],
  image: ["data.image"],
  audio: ["data.audio"],
};

const starts = (kind: string, more: Record<string, unknown> = {}): Recipe[] => [
  recipe("smoke", "Smoke test", {
    task: { kind },
    model: { preset: `${kind}-tiny` },
    training: { steps: 60 },
  }),
  recipe("mini", "Mini", { task: { kind }, model: { preset: `${kind}-mini` }, ...more }),
  recipe("base", "Base", { task: { kind }, data: { image: { size: 224 } } }),
];

export const TASKS = new Tasks([
  task(
    "fill",
    "text",
    [
      loss(["train", "eval"], { level: "guessing" }),
      metric("right", ["eval"], { title: "Right", unit: "share", tile: "Right" }),
      metric("surprise", ["eval"], { title: "Surprise", logarithmic: true, tile: "Surprise" }),
      metric("extra", ["eval"], { title: "Extra", tile: "Extra", always: false }),
      metric("guessing", ["eval"], { title: "Guessing" }),
    ],
    starts("fill"),
    { main_fields: ["task.share"], fields: [...FIELDS.text, "task.share", "data.packing"] },
  ),
  task("write", "text", [loss(["train", "eval"])], starts("write")),
  task(
    "match",
    "image",
    [
      loss(["train", "eval"]),
      metric("matched", ["train", "eval"], { title: "Matched", unit: "share", tile: "Matched" }),
      ...REPRESENTATION,
    ],
    starts("match"),
  ),
  task(
    "invent",
    "image",
    [
      loss(["train"]),
      metric("distance", ["eval"], { title: "Distance", tile: "Distance" }),
      metric("second_loss", ["train"], { title: "Second loss", tile: "Second loss" }),
    ],
    starts("invent"),
  ),
  task("bare", "image", [loss(["train", "eval"])], []),
  task(
    "listen",
    "audio",
    [loss(["train", "eval"]), ...REPRESENTATION],
    starts("listen", { data: { audio: { sampling_rate: 8000 } } }),
  ),
]);
