/** Points that arrived while the page was open. They are stored apart from the requested points and merged when drawn. */

import type { MetricPoint, Metrics } from "@/api/types";
import { bucket, emptyTrace, insert, type Trace } from "@/lib/points";

const NOTIFY_AFTER_MS = 200;
// Above this number, old live points are bucketed as the server does it.
const COMPACT_ABOVE = 6000;
const COMPACT_TO = 3000;

/** A new object whenever there are new points. */
export interface LiveSnapshot {
  traces: ReadonlyMap<string, Trace>;
  /** The last step of any point seen. */
  lastStep: number;
}

export class LiveMetrics {
  private traces = new Map<string, Trace>();
  private seen: LiveSnapshot = { traces: this.traces, lastStep: 0 };
  private lastStep = 0;
  private listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  add({ step, values }: Pick<MetricPoint, "step" | "values">): void {
    for (const [metric, value] of Object.entries(values))
      this.put(metric, step, typeof value === "number" ? value : null);
  }

  addAll(series: Metrics["series"]): void {
    for (const [metric, { steps, values }] of Object.entries(series)) {
      steps.forEach((step, index) => this.put(metric, step, values[index] ?? null));
    }
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  snapshot = (): LiveSnapshot => this.seen;

  private put(metric: string, step: number, value: number | null): void {
    let trace = this.traces.get(metric);
    if (!trace) this.traces.set(metric, (trace = emptyTrace()));
    insert(trace, step, value);
    if (trace.steps.length > COMPACT_ABOVE) this.traces.set(metric, bucket(trace, COMPACT_TO));
    this.lastStep = Math.max(this.lastStep, step);
    this.timer ??= setTimeout(() => this.notify(), NOTIFY_AFTER_MS);
  }

  private notify(): void {
    this.timer = undefined;
    this.seen = { traces: new Map(this.traces), lastStep: this.lastStep };
    this.listeners.forEach((listener) => listener());
  }
}
