/** What two jobs have in common, and which of two values is better. */

import type { Job } from "@/api/types";

type Compared = Pick<Job, "dataset" | "parent" | "spec">;

/** Where a job's weights come from, for people. */
export function beginningOf({ parent }: Pick<Job, "parent">): string {
  if (parent === null) return "From random initialisation";
  if (parent.scope === "tokenizer") return "From random initialisation, with the checkpoint’s tokenizer";
  return parent.scope === "encoder" ? "From the encoder of a checkpoint" : "From a checkpoint";
}

/** Whether two jobs are equal except for where their weights come from. */
export function asksWhetherItHelped(one: Compared, other: Compared): boolean {
  const without = ({ spec }: Compared) => JSON.stringify({ ...spec, name: null, start: null });
  const began = [one, other].map((job) => job.parent !== null && job.parent.scope !== "tokenizer");
  return one.dataset === other.dataset && began[0] !== began[1] && without(one) === without(other);
}

/** The name of a metric without its area. */
export const bare = (name: string): string => name.slice(name.indexOf("/") + 1);

/** Names of metrics, each once, in the order of a task's metrics; those that it does not have come last. */
export function inOrder(names: string[], order: readonly string[]): string[] {
  const placeOf = (name: string): number => {
    const place = order.indexOf(bare(name));
    return place < 0 ? order.length : place;
  };
  return [...new Set(names)].sort((one, other) => placeOf(one) - placeOf(other) || one.localeCompare(other));
}

type Value = number | null | undefined;

/** Which of two values is better; null where that is unknown, or where they are equal. */
export function betterOf(
  one: Value,
  other: Value,
  direction: "higher" | "lower" | null | undefined,
): "first" | "second" | null {
  if (typeof one !== "number" || typeof other !== "number" || !direction || one === other) return null;
  return one > other === (direction === "higher") ? "first" : "second";
}
