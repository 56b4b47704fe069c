import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { emptyTrace, type Trace } from "@/lib/points";
import { LiveMetrics } from "./live";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The data that a chart gets for a metric after a notification. */
function seen(live: LiveMetrics, metric: string): Trace {
  vi.runAllTimers();
  return live.snapshot().traces.get(metric) ?? emptyTrace();
}

test("notifies once about a burst of points", () => {
  const live = new LiveMetrics();
  const listener = vi.fn();
  live.subscribe(listener);
  for (let step = 1; step <= 100; step += 1) live.add({ step, values: { "train/loss": step } });
  expect(listener).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(listener).toHaveBeenCalledOnce();
  expect(seen(live, "train/loss").steps).toHaveLength(100);
});

test("a resumed run replaces the steps it repeats, and the axis does not go back", () => {
  const live = new LiveMetrics();
  for (const step of [10, 20, 30]) live.add({ step, values: { a: 1 } });
  live.add({ step: 20, values: { a: 2 } });
  expect(seen(live, "a")).toMatchObject({ steps: [10, 20, 30], last: [1, 2, 1] });
  expect(live.snapshot().lastStep).toBe(30);
});

test("a value that is not finite is a gap", () => {
  const live = new LiveMetrics();
  live.add({ step: 1, values: { a: "nan", b: null, c: 1 } });
  expect(["a", "b", "c"].map((name) => seen(live, name).last)).toEqual([[null], [null], [1]]);
});

test("stays small however long the page is open, and loses no extreme", () => {
  const live = new LiveMetrics();
  for (let step = 1; step <= 20_000; step += 1) live.add({ step, values: { a: step === 77 ? 1000 : 1 } });
  const trace = seen(live, "a");
  expect(trace.steps.length).toBeLessThanOrEqual(6000);
  expect(trace.steps.at(-1)).toBe(20_000);
  expect(Math.max(...trace.max.map(Number))).toBe(1000);
});
