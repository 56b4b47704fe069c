import { describe, expect, test } from "vitest";
import type { Dataset } from "@/api/types";
import { fieldsOf, type JsonSchema } from "./fields";
import { firstOf } from "./layout";
import { presetsFor, restart, startFor } from "./presets";
import { presetOf, withDataset, withTask } from "./StartFrom";
import { concerns, kindsFor, TASKS } from "./tasks";

const dataset = (modality: Dataset["modality"], statistics: Dataset["statistics"] = {}) =>
  ({ id: `ds_${modality}`, name: modality, modality, statistics }) as Dataset;

const object = (properties: Record<string, JsonSchema>): JsonSchema => ({ type: "object", properties });
const SCHEMA = object({
  name: { type: "string" },
  dataset: { type: "string" },
  task: {
    discriminator: { propertyName: "kind" },
    oneOf: Object.keys(TASKS).map((kind) =>
      object({
        kind: { const: kind, type: "string" },
        temperature: { type: "number" },
        method: { type: "string" },
      }),
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
    audio: object({ clip_seconds: { type: "number" } }),
  }),
});
const FIELDS = fieldsOf(SCHEMA);

describe("presetsFor", () => {
  test.each(Object.keys(TASKS))("%s has three, of itself", (kind) => {
    const presets = presetsFor(kind);
    expect(presets.map(({ name }) => name)).toEqual(["Smoke test", "Mini", "Base"]);
    for (const { document } of presets) expect(document.task).toMatchObject({ kind });
  });

  test("a task that is not known has none", () => expect(presetsFor("not_yet")).toEqual([]));

  test("small pictures are not blown up, photographs are read large on a GPU", () => {
    const size = (found: Dataset) => presetsFor("rotation", found)[2]?.document.data;
    const sizes = (width: number) => ({ sizes: [{ width, height: width, images: 9 }] });
    expect(size(dataset("image", sizes(32)))).toBeUndefined();
    expect(size(dataset("image", sizes(500)))).toEqual({ image: { size: 224 } });
    expect(size(dataset("image"))).toEqual({ image: { size: 224 } });
  });

  test("clips are as long as the longest recording, within reason", () => {
    const clip = (longest: number) =>
      presetsFor("wav2vec2", dataset("audio", { longest_seconds: longest }))[1]?.document.data;
    expect(clip(1.313)).toEqual({ audio: { sampling_rate: 8000, clip_seconds: 1.4 } });
    expect(clip(0.1)).toMatchObject({ audio: { clip_seconds: 0.5 } });
    expect(clip(500)).toMatchObject({ audio: { clip_seconds: 10 } });
  });
});

describe("another dataset", () => {
  const named = restart({ name: "mine" }, startFor("text"));

  test("takes an untouched start along to what it holds", () => {
    const document = withDataset(named, undefined, dataset("image"), FIELDS);
    expect(document).toMatchObject({
      name: "mine",
      dataset: "ds_image",
      task: { kind: kindsFor("image")[0] },
    });
    expect(presetOf(document, dataset("image"), FIELDS)?.id).toBe("mini");
  });

  test("leaves a person's own work as it is", () => {
    const changed = { ...named, training: { steps: 7 } };
    expect(withDataset(changed, undefined, dataset("image"), FIELDS)).toEqual({
      ...changed,
      dataset: "ds_image",
    });
  });

  test("of the same kind keeps task and size", () => {
    const smoke = presetsFor("causal_lm")[0]?.document ?? {};
    const document = withDataset(smoke, dataset("text"), dataset("text"), FIELDS);
    expect(document).toMatchObject({ task: { kind: "causal_lm" }, model: { preset: "gpt2-tiny" } });
  });
});

test("another task begins in the size of the one before", () => {
  const smoke = presetsFor("contrastive")[0]?.document ?? {};
  const document = withTask({ ...smoke, name: "mine" }, "gan", undefined, FIELDS);
  expect(document).toMatchObject({ name: "mine", model: { preset: "dcgan-mini" }, training: { steps: 60 } });
  expect(withTask(smoke, "not_yet", undefined, FIELDS).task).toEqual({ kind: "not_yet" });
});

test("the form asks for what the task's modality reads, and for what was set", () => {
  const asked = (kind: string, more = {}) =>
    firstOf(FIELDS, { task: { kind }, ...more }).map(({ path }) => path);
  expect(asked("masked_lm")).toContain("training.sequence_length");
  expect(asked("masked_lm")).not.toContain("data.image.size");
  expect(asked("rotation")).toContain("data.image.size");
  expect(asked("rotation")).not.toContain("data.tokenizer.vocabulary_size");
  expect(asked("rotation", { training: { sequence_length: 9 } })).toContain("training.sequence_length");
  expect(concerns("data.audio.clip_seconds", undefined)).toBe(true);
});
