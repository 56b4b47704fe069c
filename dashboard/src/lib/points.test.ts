import { describe, expect, test } from "vitest";
import { bucket, emptyTrace, insert, merge, slice, smooth, traceOf, type Trace } from "./points";

const raw = (...points: [number, number | null][]): Trace => {
  const steps = points.map(([step]) => step);
  const values = points.map(([, value]) => value);
  return { steps, last: values, min: [...values], max: [...values] };
};

describe("merge", () => {
  test("keeps the order of steps and uses the newer point", () => {
    const merged = merge(raw([10, 1], [20, 2], [40, 4]), raw([20, 22], [30, 3], [50, 5]));
    expect(merged.steps).toEqual([10, 20, 30, 40, 50]);
    expect(merged.last).toEqual([1, 22, 3, 4, 5]);
  });

  test("with nothing on one side gives the other", () => {
    expect(merge(emptyTrace(), raw([1, 1])).steps).toEqual([1]);
    expect(merge(raw([1, 1]), emptyTrace()).last).toEqual([1]);
  });
});

describe("insert", () => {
  test("appends, replaces a repeated step and finds the place of a late one", () => {
    const trace = raw([10, 1], [30, 3]);
    insert(trace, 40, 4);
    insert(trace, 30, 33);
    insert(trace, 20, null);
    insert(trace, 5, 0);
    expect(trace.steps).toEqual([5, 10, 20, 30, 40]);
    expect(trace.last).toEqual([0, 1, null, 33, 4]);
    expect(trace.max).toEqual(trace.last);
  });
});

describe("bucket", () => {
  test("hides no spike and keeps the last step", () => {
    const trace = raw(
      ...Array.from({ length: 1000 }, (_, i): [number, number] => [i + 1, i === 617 ? 99 : 1]),
    );
    const small = bucket(trace, 50);
    expect(small.steps.length).toBeLessThanOrEqual(50);
    expect(small.steps.at(-1)).toBe(1000);
    expect(Math.max(...small.max.map(Number))).toBe(99);
    expect(small.last.every((value) => value === 1)).toBe(true);
  });

  test("of buckets keeps their extremes", () => {
    const trace = { steps: [1, 2, 3, 4], last: [1, 1, 1, 1], min: [-5, 0, 0, 0], max: [1, 7, 1, 1] };
    expect(bucket(trace, 2)).toEqual({ steps: [2, 4], last: [1, 1], min: [-5, 0], max: [7, 1] });
  });

  test("ignores values that are not there", () => {
    const joined = bucket(raw([1, null], [2, 3], [3, null], [4, null]), 2);
    expect(joined.min).toEqual([3, null]);
    expect(joined.last).toEqual([3, null]);
  });

  test("leaves a short trace alone", () => {
    const trace = raw([1, 1]);
    expect(bucket(trace, 2)).toBe(trace);
  });
});

describe("smooth", () => {
  test("of a constant is that constant from the first point on", () =>
    expect(smooth(raw([1, 4], [2, 4], [3, 4]), 0.9, 1)).toEqual(
      [4, 4, 4].map((v) => expect.closeTo(v) as number),
    ));

  test("without weight is the raw values", () => expect(smooth(raw([1, 4], [2, 8]), 0, 1)).toEqual([4, 8]));

  test("forgets by distance in steps, not by number of points", () => {
    const near = smooth(raw([0, 0], [1, 10]), 0.5, 1)[1] ?? 0;
    const far = smooth(raw([0, 0], [50, 10]), 0.5, 1)[1] ?? 0;
    expect(near).toBeCloseTo(10 / 1.5);
    expect(far).toBeCloseTo(10);
  });

  test("leaves a gap where a value is missing and goes on after it", () => {
    const [first, gap, third] = smooth(raw([1, 2], [2, null], [3, 2]), 0.9, 1);
    expect([first, gap]).toEqual([2, null]);
    expect(third).toBeCloseTo(2);
  });
});

test("slice includes both ends", () =>
  expect(slice(raw([1, 1], [2, 2], [3, 3], [4, 4]), 2, 3).steps).toEqual([2, 3]));

test("a series without buckets is its own band", () =>
  expect(traceOf({ steps: [1], values: [2], times: [0], not_finite: {} })).toEqual(raw([1, 2])));
