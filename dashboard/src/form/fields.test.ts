import { describe, expect, test } from "vitest";
import { fieldsOf, rangeOf, titleOf, type Field, type JsonSchema, type Leaf, type Union } from "./fields";

const SCHEMA: JsonSchema = {
  $defs: {
    AdamW: {
      type: "object",
      description: "Adam, decoupled.",
      properties: {
        kind: { const: "adamw", default: "adamw", type: "string" },
        learning_rate: {
          type: "number",
          default: 0.0005,
          exclusiveMinimum: 0,
          maximum: 10,
          description: "Peak.",
        },
      },
    },
    Masked: {
      type: "object",
      description: "Hide words.",
      properties: { kind: { const: "fill" }, rate: { type: "number" } },
    },
    Causal: {
      type: "object",
      properties: { kind: { const: "write" }, window: { type: "integer" } },
      required: ["window"],
    },
  },
  type: "object",
  required: ["name", "task"],
  properties: {
    name: { type: "string", maxLength: 200 },
    preset: { anyOf: [{ enum: ["tiny", "base"], type: "string" }, { type: "null" }], default: null },
    clip: {
      anyOf: [{ type: "number", exclusiveMinimum: 0 }, { type: "null" }],
      default: 1,
      description: "Largest norm.",
    },
    compile: { type: "boolean", default: false },
    optimizer: {
      $ref: "#/$defs/AdamW",
      default: { kind: "adamw", learning_rate: 0.001 },
      description: "How weights move.",
    },
    task: {
      oneOf: [{ $ref: "#/$defs/Masked" }, { $ref: "#/$defs/Causal" }],
      discriminator: { propertyName: "kind", mapping: {} },
    },
    tags: { type: "array" },
    words: { type: "array", items: { type: "string" }, default: [] },
  },
};

const fields = new Map<string, Field>(fieldsOf(SCHEMA).map((field) => [field.path, field]));
const leaf = (path: string) => fields.get(path) as Leaf;

describe("fieldsOf", () => {
  test("keeps the schema's order and knows what is required", () => {
    expect([...fields.keys()]).toEqual([
      "name",
      "preset",
      "clip",
      "compile",
      "optimizer",
      "task",
      "tags",
      "words",
    ]);
    expect(leaf("name")).toMatchObject({ kind: "text", required: true, nullable: false, default: undefined });
    expect(leaf("compile")).toMatchObject({ kind: "boolean", required: false, default: false });
  });

  test("sees through an optional", () => {
    expect(leaf("preset")).toMatchObject({
      kind: "choice",
      choices: ["tiny", "base"],
      nullable: true,
      default: null,
    });
    expect(leaf("clip")).toMatchObject({
      kind: "number",
      nullable: true,
      default: 1,
      range: "above 0",
      help: "Largest norm.",
    });
  });

  test("follows references into groups, with paths as problems name them", () => {
    expect(fields.get("optimizer")).toMatchObject({
      kind: "group",
      help: "How weights move.",
      fields: [
        { path: "optimizer.kind", kind: "choice", choices: ["adamw"] },
        { path: "optimizer.learning_rate", kind: "number", default: 0.0005, range: "above 0, at most 10" },
      ],
    });
  });

  test("draws a discriminated union as variants without their tag", () => {
    const task = fields.get("task") as Union;
    expect(task).toMatchObject({ kind: "union", tag: "kind" });
    expect(task.variants.map((variant) => variant.value)).toEqual(["fill", "write"]);
    expect(task.variants[0]?.help).toBe("Hide words.");
    expect(task.variants[1]?.fields).toMatchObject([{ path: "task.window", required: true }]);
  });

  test("takes what it does not know as JSON", () => expect(leaf("tags").kind).toBe("json"));

  test("has a line for each of a list of texts", () => expect(leaf("words").kind).toBe("lines"));

  test("says which reference is missing", () =>
    expect(() => fieldsOf({ properties: { a: { $ref: "#/$defs/Gone" } } })).toThrow("#/$defs/Gone"));
});

test.each<[JsonSchema, string]>([
  [{ minimum: 1, maximum: 200 }, "from 1 to 200"],
  [{ minimum: 1 }, "at least 1"],
  [{ exclusiveMinimum: 0, exclusiveMaximum: 1 }, "above 0, below 1"],
  [{}, ""],
])("rangeOf(%j) is %s", (schema, text) => expect(rangeOf(schema)).toBe(text));

test("titles are words", () =>
  expect([titleOf("warmup_steps"), titleOf("adamw")]).toEqual(["Warmup steps", "AdamW"]));

test("a choice between names and another form is a field with names, and takes JSON too", () => {
  const [field] = fieldsOf({
    properties: {
      weights: {
        anyOf: [{ enum: ["none", "balanced"], type: "string" }, { type: "object" }],
        default: "none",
      },
    },
  });
  expect(field).toMatchObject({
    kind: "json",
    choices: ["none", "balanced"],
    default: "none",
    nullable: false,
  });
});
