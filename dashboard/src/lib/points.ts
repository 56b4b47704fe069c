/**
 * Points of one metric, as a chart draws them: columns in order of step.
 *
 * A trace may be bucketed: then `last` is a bucket's last value and `min` and `max` its extremes, so that no spike
 * is hidden however many points one pixel represents. In a trace of raw points the three are equal.
 */

import type { Series } from "@/api/types";

export interface Trace {
  steps: number[];
  last: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

export const emptyTrace = (): Trace => ({ steps: [], last: [], min: [], max: [] });

export function traceOf(series: Series): Trace {
  return {
    steps: series.steps,
    last: series.values,
    min: series.min ?? series.values,
    max: series.max ?? series.values,
  };
}

function push(into: Trace, from: Trace, index: number): void {
  into.steps.push(from.steps[index] ?? 0);
  into.last.push(from.last[index] ?? null);
  into.min.push(from.min[index] ?? null);
  into.max.push(from.max[index] ?? null);
}

/** Merges both traces in order of step; where both have a step, the point of `newer` is used. */
export function merge(older: Trace, newer: Trace): Trace {
  const merged = emptyTrace();
  let a = 0;
  let b = 0;
  while (a < older.steps.length || b < newer.steps.length) {
    const left = older.steps[a] ?? Infinity;
    const right = newer.steps[b] ?? Infinity;
    if (right <= left) push(merged, newer, b++);
    else push(merged, older, a);
    if (left <= right) a++;
  }
  return merged;
}

/** Inserts one live point: at the end, or in place of the point of the same step (after a resume). */
export function insert(trace: Trace, step: number, value: number | null): void {
  let at = trace.steps.length;
  while (at > 0 && (trace.steps[at - 1] ?? 0) > step) at -= 1;
  const replaces = trace.steps[at - 1] === step;
  if (replaces) at -= 1;
  for (const [column, item] of [
    [trace.steps, step],
    [trace.last, value],
    [trace.min, value],
    [trace.max, value],
  ] as const) {
    (column as (number | null)[]).splice(at, replaces ? 1 : 0, item);
  }
}

/** The points from one step to another, both included. */
export function slice(trace: Trace, from: number, to: number): Trace {
  const part = emptyTrace();
  trace.steps.forEach((step, index) => {
    if (step >= from && step <= to) push(part, trace, index);
  });
  return part;
}

const least = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b));
const greatest = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.max(a, b));

/** At most `limit` points: adjacent points are bucketed, extremes kept. The first and the last step stay where they are. */
export function bucket(trace: Trace, limit: number): Trace {
  const length = trace.steps.length;
  if (length <= limit) return trace;
  const per = Math.ceil(length / limit);
  const joined = emptyTrace();
  for (let start = 0; start < length; start += per) {
    const end = Math.min(start + per, length) - 1;
    push(joined, trace, end);
    const at = joined.steps.length - 1;
    for (let index = start; index < end; index += 1) {
      joined.min[at] = least(joined.min[at] ?? null, trace.min[index] ?? null);
      joined.max[at] = greatest(joined.max[at] ?? null, trace.max[index] ?? null);
    }
  }
  return joined;
}

/**
 * Exponential moving average over steps, not over points, so that it looks the same bucketed or raw, zoomed or whole.
 *
 * `weight` in [0, 1) is the share of the old average that remains after `span` steps. Bias at the start is corrected as in Adam
 * (Kingma and Ba 2014, arXiv 1412.6980, section 3), and a missing value leaves a gap without breaking the average.
 */
export function smooth(trace: Trace, weight: number, span: number): (number | null)[] {
  let average = 0;
  let mass = 0;
  let before: number | undefined;
  return trace.last.map((value, index) => {
    const step = trace.steps[index] ?? 0;
    if (value === null) return null;
    const keep = before === undefined ? 0 : weight ** ((step - before) / span);
    before = step;
    average = average * keep + value * (1 - weight);
    mass = mass * keep + (1 - weight);
    return average / mass;
  });
}
