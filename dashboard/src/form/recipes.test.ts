import { describe, expect, test } from "vitest";
import type { Dataset } from "@/api/types";
import { TASKS } from "@/tasks/fixtures";
import { Tasks } from "@/tasks/tasks";
import { fieldsOf, type JsonSchema } from "./fields";
import { firstOf } from "./layout";
import { restart, startFor, startsOf } from "./recipes";
import { untouched, withDataset, withTask } from "./StartFrom";

const dataset = (modality: Dataset["modality"], statistics: Dataset["statistics"] = {}) =>
  ({ id: `ds_${modality}`, name: modality, modality, statistics }) as Dataset;

const object = (properties: Record<string, JsonSchema>): JsonSchema => ({ type: "object", properties });
const SCHEMA = object({
  name: { type: "string" },
  dataset: { type: "string" },
  task: {
    discriminator: { propertyName: "kind" },
    oneOf: [...TASKS.list.map(({ kind }) => kind), "not_yet"].map((kind) =>
      object({ kind: { const: kind, type: "string" }, share: { type: "number" } }),
    ),
  },
  model: object({ preset: { type: "string" } }),
  training: object({
    steps: { type: "integer" },
    batch_size: { type: "integer" },
    sequence_length: { type: "integer" },
  }),
  data: object({
    tokenizer: object({ vocabulary_size: { type: "integer" } }),
    image: object({ size: { type: "integer" } }),
    audio: object({ sampling_rate: { type: "integer" }, clip_seconds: { type: "number" } }),
  }),
});
const FIELDS = fieldsOf(SCHEMA);

describe("startsOf", () => {
  test("are the task's recipes, in their order", () =>
    expect(startsOf(TASKS.of("fill")).map(({ title }) => title)).toEqual(["Smoke test", "Mini", "Base"]));

  test("a task that is not known has none", () => expect(startsOf(TASKS.of("not_yet"))).toEqual([]));

  test("small pictures are not blown up, photographs are read large on a GPU", () => {
    const size = (found: Dataset) => startsOf(TASKS.of("match"), found)[2]?.document.data;
    const sizes = (width: number) => ({ sizes: [{ width, height: width, images: 9 }] });
    expect(size(dataset("image", sizes(32)))).toBeUndefined();
    expect(size(dataset("image", sizes(500)))).toEqual({ image: { size: 224 } });
    expect(size(dataset("image"))).toEqual({ image: { size: 224 } });
  });

  test("clips are as long as the longest recording, within reason", () => {
    const clip = (longest: number) =>
      startsOf(TASKS.of("listen"), dataset("audio", { longest_seconds: longest }))[1]?.document.data;
    expect(clip(1.313)).toEqual({ audio: { sampling_rate: 8000, clip_seconds: 1.4 } });
    expect(clip(0.1)).toMatchObject({ audio: { clip_seconds: 0.5 } });
    expect(clip(500)).toMatchObject({ audio: { clip_seconds: 10 } });
  });
});

describe("another dataset", () => {
  const named = restart({ name: "mine" }, startFor(TASKS, "text"));

  test("takes an untouched start along to what it holds", () => {
    const document = withDataset(named, undefined, dataset("image"), FIELDS, TASKS);
    expect(document).toMatchObject({ name: "mine", dataset: "ds_image", task: { kind: "match" } });
    expect(untouched(document, dataset("image"), FIELDS, TASKS)?.name).toBe("mini");
  });

  test("leaves a person's own work as it is", () => {
    const changed = { ...named, training: { steps: 7 } };
    expect(withDataset(changed, undefined, dataset("image"), FIELDS, TASKS)).toEqual({
      ...changed,
      dataset: "ds_image",
    });
  });

  test("of the same kind keeps task and size", () => {
    const smoke = startsOf(TASKS.of("write"))[0]?.document ?? {};
    const document = withDataset(smoke, dataset("text"), dataset("text"), FIELDS, TASKS);
    expect(document).toMatchObject({ task: { kind: "write" }, model: { preset: "write-tiny" } });
  });
});

test("another task begins in the size of the one before, one without recipes with its kind alone", () => {
  const smoke = startsOf(TASKS.of("match"))[0]?.document ?? {};
  const document = withTask({ ...smoke, name: "mine" }, "invent", undefined, FIELDS, TASKS);
  expect(document).toMatchObject({
    name: "mine",
    model: { preset: "invent-tiny" },
    training: { steps: 60 },
  });
  for (const kind of ["bare", "not_yet"])
    expect(withTask(smoke, kind, undefined, FIELDS, TASKS).task).toEqual({ kind });
});

test("the form asks for what the task reads, and for what was set", () => {
  const asked = (kind: string, more = {}) =>
    firstOf(FIELDS, { task: { kind }, ...more }, TASKS).map(({ path }) => path);
  expect(asked("fill")).toContain("training.sequence_length");
  expect(asked("fill")).toContain("task.share");
  expect(asked("write")).not.toContain("task.share");
  expect(asked("fill")).not.toContain("data.image.size");
  expect(asked("match")).toContain("data.image.size");
  expect(asked("match")).not.toContain("data.tokenizer.vocabulary_size");
  expect(asked("match", { training: { sequence_length: 9 } })).toContain("training.sequence_length");
  expect(asked("not_yet")).toEqual(expect.arrayContaining(["data.image.size", "training.sequence_length"]));
});

test("without an answer of the service a form begins empty", () =>
  expect(startFor(new Tasks([]), "text")).toEqual({}));
