/** The tasks, as the service describes them: the dashboard has no list of its own. */

import type { components } from "@/api/schema";

type Schemas = components["schemas"];

export type Task = Schemas["TaskOut"];
export type Metric = Schemas["MetricOut"];
export type Recipe = Schemas["RecipeOut"];
export type Modality = Task["modality"];

const inside = (path: string, paths: readonly string[]): boolean =>
  paths.some((prefix) => path === prefix || path.startsWith(`${prefix}.`));

export class Tasks {
  /** In display order: the first task of a modality is its default. */
  readonly list: readonly Task[];
  private readonly byKind: ReadonlyMap<string, Task>;
  private readonly metrics = new Map<string, Metric>();

  constructor(list: readonly Task[]) {
    this.list = list;
    this.byKind = new Map(list.map((task) => [task.kind, task]));
    for (const metric of list.flatMap((task) => task.metrics)) {
      if (!this.metrics.has(metric.name)) this.metrics.set(metric.name, metric);
    }
  }

  /** Undefined for a task that the service does not know (any more). */
  of(kind: unknown): Task | undefined {
    return typeof kind === "string" ? this.byKind.get(kind) : undefined;
  }

  ofModality(modality: Modality): Task[] {
    return this.list.filter((task) => task.modality === modality);
  }

  /** A metric by its name without the area; a name has the same meaning in every task. */
  metric(name: string): Metric | undefined {
    return this.metrics.get(name);
  }

  /** Metrics of every task, or of every task that learns features. */
  shared(group: "run" | "representation"): Metric[] {
    const task = this.list.find(({ metrics }) => metrics.some((metric) => metric.group === group));
    return task?.metrics.filter((metric) => metric.group === group) ?? [];
  }

  /** Whether the task reads a field of a spec; for an unknown task, true for all. */
  concerns(path: string, task: Task | undefined): boolean {
    if (!task || inside(path, task.fields)) return true;
    return !this.list.some(({ fields }) => inside(path, fields));
  }
}
