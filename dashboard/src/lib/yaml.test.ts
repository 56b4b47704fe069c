import { expect, test } from "vitest";
import { toYaml } from "./yaml";

test("a spec reads as people write it", () =>
  expect(
    toYaml({
      name: "python-docs",
      task: { kind: "fill", share: 0.15 },
      training: { steps: 600, gradient_clip: null, compile: false, tags: ["a", "b"], none: {} },
    }),
  ).toBe(`name: python-docs
task:
  kind: fill
  share: 0.15
training:
  steps: 600
  gradient_clip: null
  compile: false
  tags:
    - a
    - b
  none: {}
`));

test.each([
  ["yes", '"yes"'],
  ["1e3", '"1e3"'],
  ["12", '"12"'],
  ["-", '"-"'],
  ["a: b", '"a: b"'],
  ["# no comment", '"# no comment"'],
  ["", '""'],
  ["ends with a space ", '"ends with a space "'],
  ["größe", '"größe"'],
  ["eval/loss", "eval/loss"],
])("text %j is written as %s", (value, text) => expect(toYaml({ v: value })).toBe(`v: ${text}\n`));

test("small numbers stay numbers for YAML 1.1", () =>
  expect(toYaml({ epsilon: 1e-7, rate: 2.5e-7, big: 1e21 })).toBe(
    "epsilon: 1.0e-7\nrate: 2.5e-7\nbig: 1.0e+21\n",
  ));

test("objects in lists line up", () => expect(toYaml([{ a: 1, b: 2 }])).toBe("- a: 1\n  b: 2\n"));
