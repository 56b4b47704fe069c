import { expect, test } from "vitest";
import { enter, getAt, numberOrText, setAt, without } from "./document";

test("a value is set without touching the rest", () => {
  const before = { name: "a", training: { steps: 1 } };
  const after = setAt(before, "training.optimizer.learning_rate", 0.1);
  expect(after).toEqual({ name: "a", training: { steps: 1, optimizer: { learning_rate: 0.1 } } });
  expect(before).toEqual({ name: "a", training: { steps: 1 } });
});

test("what becomes empty goes, null stays", () => {
  expect(setAt({ a: { b: { c: 1 } }, d: 2 }, "a.b.c", undefined)).toEqual({ d: 2 });
  expect(setAt({}, "a.b", null)).toEqual({ a: { b: null } });
});

test("a path that leads nowhere is undefined", () => {
  expect(getAt({ a: { b: 1 } }, "a.b")).toBe(1);
  expect(getAt({ a: 1 }, "a.b.c")).toBeUndefined();
});

test.each([
  ["5e-4", 5e-4],
  [" 1,000,000 ", 1_000_000],
  ["10_000", 10_000],
  ["", undefined],
  ["ten", "ten"],
  ["1,5", "1,5"],
  ["NaN", "NaN"],
])("%j is read as %j", (text, value) => expect(numberOrText(text)).toBe(value));

test("defaults are left out, however deep", () => {
  const defaults = (path: string) => ({ "a.b": 1, c: null })[path];
  expect(without({ a: { b: 1 }, c: null, d: { e: 2 }, f: 1 }, defaults)).toEqual({ d: { e: 2 }, f: 1 });
});

test("epochs replace steps that were entered, and the other way round; removing one brings nothing back", () => {
  const steps = { training: { steps: 10, seed: 1 } };
  expect(enter(steps, "training.epochs", 2)).toEqual({ training: { epochs: 2, seed: 1 } });
  expect(enter({ training: { epochs: 2 } }, "training.steps", 5)).toEqual({ training: { steps: 5 } });
  expect(enter(steps, "training.epochs", undefined)).toEqual(steps);
  expect(enter(steps, "training.seed", 3)).toEqual({ training: { steps: 10, seed: 3 } });
});
