import { expect, test } from "vitest";
import type { Dataset } from "@/api/types";
import { Tasks, type Task } from "@/tasks/tasks";
import { TASKS } from "@/tasks/fixtures";
import { getAt, setAt, type Document } from "./document";
import { fieldsOf } from "./fields";
import { withDataset, withTask } from "./StartFrom";
import { fineTuningTasks, fits, withEncoder, withFineTuning, type Source } from "./start";

const trains = (kind: string, ...networks: [preset: string, architecture: string][]): Task[] =>
  TASKS.list
    .filter((task) => task.kind === kind)
    .map((task) => ({
      ...task,
      networks: networks.map(([preset, architecture]) => ({ preset, architecture })),
    }));
const OLD = trains("fill", ["round-mini", "round"], ["square-mini", "square"], ["square-large", "square"]);
const OTHER = trains("write", ["round-mini", "round"], ["square-large", "square"]);
const ROUND = trains("match", ["round-mini", "round"]);
const tasks = new Tasks([...OLD, ...OTHER, ...ROUND]);
const CHECKPOINT = "ckpt_00000000000000000000000000";

const fitting = (model: Record<string, string> | undefined) => {
  const document = withEncoder({ task: { kind: "fill" }, model }, CHECKPOINT, tasks);
  return [document.model, tasks.list.filter((task) => fits(task, document, tasks)).map(({ kind }) => kind)];
};

test("an encoder goes into tasks that train its network, whose size is named", () => {
  expect(fitting(undefined)).toEqual([{ preset: "round-mini" }, ["fill", "write", "match"]]);
  expect(fitting({ preset: "square-large" })).toEqual([{ preset: "square-large" }, ["fill", "write"]]);
  expect(fitting({ architecture: "square" })).toEqual([
    { architecture: "square", preset: "square-mini" },
    ["fill", "write"],
  ]);
});

test("without a start, and with all of a checkpoint, every task can be chosen", () => {
  const document = { task: { kind: "fill" }, model: { preset: "square-large" } };
  const whole = { ...document, start: { checkpoint: CHECKPOINT } };
  for (const one of [document, whole]) expect(tasks.list.every((task) => fits(task, one, tasks))).toBe(true);
});

test("another task keeps the start and all settings beside the task's own", () => {
  const document = {
    name: "mine",
    dataset: "ds",
    start: { checkpoint: CHECKPOINT, scope: "encoder" },
    task: { kind: "fill", share: 0.3 },
    model: { preset: "square-large" },
    training: { steps: 7 },
  };
  expect(withTask(document, "write", undefined, [], tasks)).toEqual({ ...document, task: { kind: "write" } });
  expect(withTask(document, "not_yet", undefined, [], tasks)).toEqual({
    ...document,
    task: { kind: "not_yet" },
  });
});

const LABELLED = trains("write", ["round-mini", "round"]).map((task) => ({
  ...task,
  kind: "sort",
  needs_labels: true,
}));
const withLabels = new Tasks([...tasks.list, ...LABELLED]);
const specOf = (model: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  ({ task: { kind: "fill" }, model, ...more }) as unknown as Source["spec"];
const dataset = (id: string, classes: number, modality = "text") =>
  ({ id, modality, statistics: { class_count: classes } }) as unknown as Dataset;

test("an encoder is fine-tuned by tasks that learn labels and train its network", () => {
  const kinds = (spec: Source["spec"]) => fineTuningTasks(spec, withLabels).map(({ kind }) => kind);
  expect(kinds(specOf({ preset: "round-mini" }))).toEqual(["sort"]);
  expect(kinds(specOf({ preset: null, architecture: "round" }))).toEqual(["sort"]);
  expect(kinds(specOf({ preset: "square-mini" }))).toEqual([]);
  expect(kinds(specOf({ preset: "round-mini" }, { adaptation: { method: "adapters" } }))).toEqual([]);
});

test("fine-tuning names the network's kind and the start, and leaves what the weights decide to the service", () => {
  const source: Source = {
    checkpoint: CHECKPOINT,
    name: "words",
    spec: specOf({ preset: "round-mini" }),
    dataset: "ds_plain",
  };
  const chosen = (...datasets: Dataset[]) => withFineTuning(source, datasets, withLabels).dataset;
  const document = withFineTuning(source, [dataset("ds_plain", 0)], withLabels);
  expect(document).toMatchObject({
    name: "words (fine-tuned)",
    start: { checkpoint: CHECKPOINT, scope: "encoder" },
    model: { architecture: "round" },
    dataset: "ds_plain",
  });
  expect(withLabels.list.filter((task) => fits(task, document, withLabels)).map(({ kind }) => kind)).toEqual([
    "fill",
    "write",
    "match",
    "sort",
  ]);
  expect(chosen(dataset("ds_other", 3), dataset("ds_plain", 2))).toBe("ds_plain");
  expect(chosen(dataset("ds_picture", 3, "image"), dataset("ds_other", 3), dataset("ds_plain", 0))).toBe(
    "ds_other",
  );
});

test("lists of labels decide the target, until another one is chosen", () => {
  const [sort] = LABELLED.filter(({ kind }) => kind === "sort");
  const aiming = new Tasks([...tasks.list, { ...sort, fields: ["task.target"] } as Task]);
  const lists = { ...dataset("ds_lists", 3), parent: null };
  const several = { ...lists, statistics: { class_count: 3, label_kind: "several" } };
  const single = { ...lists, id: "ds_single" };
  const fields = fieldsOf({ properties: { task: { properties: { target: { type: "string" } } } } });
  const spec = specOf({ preset: "round-mini" });
  const source: Source = { checkpoint: CHECKPOINT, name: "words", spec, dataset: "ds_lists" };
  const target = (document: Document) => getAt(document, "task.target");
  const proposed = setAt(withFineTuning(source, [several], aiming), "task.kind", "sort");
  expect(target(proposed)).toBe("several");
  expect(target(withFineTuning(source, [single], aiming))).toBeUndefined();
  expect(target(withDataset(proposed, several, single, fields, aiming))).toBeUndefined();
  expect(target(withDataset(setAt(proposed, "task.target", "number"), several, single, fields, aiming))).toBe(
    "number",
  );
});
