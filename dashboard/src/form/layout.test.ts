import { expect, test } from "vitest";
import { TASKS } from "@/tasks/fixtures";
import { Tasks } from "@/tasks/tasks";
import type { Document } from "./document";
import { fieldsOf } from "./fields";
import { firstOf, inOrder, leavesOf, restOf, sectionsOf } from "./layout";

const fields = fieldsOf({
  $defs: {
    Masked: {
      properties: {
        kind: { const: "fill" },
        share: { type: "number" },
        rest: { type: "number" },
      },
    },
    Causal: {
      properties: { kind: { const: "write" }, window: { type: "integer" } },
      required: ["window"],
    },
    Optimizer: {
      properties: { kind: { const: "adamw" }, learning_rate: { type: "number" }, decay: { type: "number" } },
    },
    Training: {
      properties: {
        steps: { type: "integer" },
        seed: { type: "integer" },
        optimizer: { $ref: "#/$defs/Optimizer" },
      },
      required: ["steps"],
    },
  },
  properties: {
    name: { type: "string" },
    task: {
      oneOf: [{ $ref: "#/$defs/Masked" }, { $ref: "#/$defs/Causal" }],
      discriminator: { propertyName: "kind" },
    },
    training: { $ref: "#/$defs/Training" },
  },
  required: ["name"],
});
const FILL = { task: { kind: "fill" } };
const paths = (list: { path: string }[]) => list.map(({ path }) => path);

test("what is required or named comes first, from any depth", () => {
  expect(paths(firstOf(fields, FILL, TASKS))).toEqual([
    "name",
    "task",
    "task.share",
    "training.steps",
    "training.optimizer.learning_rate",
  ]);
});

test("the chosen variant decides which fields a union has", () => {
  const document = { task: { kind: "write" } };
  expect(paths(firstOf(fields, document, TASKS))).toContain("task.window");
  expect(restOf(fields, document, TASKS).flatMap((part) => paths(part.leaves))).not.toContain("task.rest");
});

test("the rest is kept by group, without fields that ask nothing", () =>
  expect(restOf(fields, FILL, TASKS).map((part) => [part.title, ...paths(part.leaves)])).toEqual([
    ["Task", "task.rest"],
    ["Training", "training.seed"],
    ["Optimizer", "training.optimizer.decay"],
  ]));

test("a union that only other tasks read is shown only where it is set", () => {
  const tasks = new Tasks(
    TASKS.list.map((task) => (task.kind === "write" ? { ...task, fields: ["adaptation"] } : task)),
  );
  const withUnion = fieldsOf({
    properties: {
      adaptation: {
        default: { method: "full" },
        oneOf: [
          { properties: { method: { const: "full" } } },
          { properties: { method: { const: "lora" }, rank: { type: "integer" } } },
        ],
        discriminator: { propertyName: "method" },
      },
    },
  });
  const shown = (document: Document) => [
    paths(sectionsOf(withUnion, document, tasks)),
    paths(firstOf(withUnion, document, tasks)),
  ];
  const both = [["adaptation"], ["adaptation"]];
  expect(shown({ task: { kind: "write" } })).toEqual(both);
  expect(shown({ task: { kind: "fill" } })).toEqual([[], []]);
  expect(shown({ task: { kind: "fill" }, adaptation: { method: "lora" } })).toEqual(both);
});

test("a section without a field to see at once comes last, and in its place once it is set", () => {
  const start = { properties: { checkpoint: { type: "string" } } };
  const withStart = fieldsOf({
    properties: {
      start,
      training: { properties: { steps: { type: "integer" } }, required: ["steps"] },
    },
  });
  const order = (document: Document) => paths(sectionsOf(withStart, document, TASKS));
  expect(order(FILL)).toEqual(["training", "start"]);
  expect(order({ ...FILL, start: { checkpoint: "ckpt_1" } })).toEqual(["start", "training"]);
});

test("no field is lost between first and rest", () => {
  const shown = [
    ...firstOf(fields, FILL, TASKS),
    ...restOf(fields, FILL, TASKS).flatMap((part) => part.leaves),
  ].map(({ path }) => path);
  const asked = paths(leavesOf(fields)).filter((path) => !path.endsWith("kind") && path !== "task.window");
  expect(shown.filter((path) => path !== "task").sort()).toEqual(asked.sort());
});

test("a document is written in the schema's order, tag first", () =>
  expect(
    JSON.stringify(
      inOrder({ training: { seed: 1, steps: 2 }, task: { share: 0.1, kind: "fill" }, name: "a" }, fields),
    ),
  ).toBe('{"name":"a","task":{"kind":"fill","share":0.1},"training":{"steps":2,"seed":1}}'));
