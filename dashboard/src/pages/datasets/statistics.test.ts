import { expect, test } from "vitest";
import { repeatsOf, scriptsOf, sharesOf } from "./statistics";

test("what a dataset of another kind or age does not carry is passed over", () => {
  expect(scriptsOf({})).toEqual([]);
  expect(scriptsOf({ scripts: [null, { script: "Latin" }, { script: "Greek", letters: 3 }] })).toEqual([
    { script: "Greek", letters: 3 },
  ]);
  expect(repeatsOf({})).toBeUndefined();
  expect(repeatsOf({ repeats: 0 })).toBe(0);
});

test("shares are of all letters, and what is not shown is summed", () => {
  const scripts = [
    { script: "Latin", letters: 70 },
    { script: "Greek", letters: 20 },
    { script: "Thai", letters: 6 },
    { script: "Han", letters: 4 },
  ];
  expect(sharesOf(scripts, 2)).toEqual([
    { script: "Latin", letters: 70, share: 0.7 },
    { script: "Greek", letters: 20, share: 0.2 },
    { script: "All others", letters: 10, share: 0.1 },
  ]);
  expect(sharesOf(scripts.slice(0, 1), 2)).toEqual([{ script: "Latin", letters: 70, share: 1 }]);
  expect(sharesOf([], 2)).toEqual([]);
});
