/** The dashboard's description of one kind of short job. A new kind is a file in `kinds/`, its panel, and a case of `ShortJob`. */

import type { Estimate, Evaluation, Export, JobPreview } from "@/api/types";

export type ShortJob = Estimate | JobPreview | Export | Evaluation;

export interface ShortJobKind<T extends ShortJob = ShortJob> {
  name: T["object"];
  /** Prefix of its ids: `est` in `est_01kb…`. */
  prefix: string;
  /** Its name within a sentence: "an estimate". */
  one: string;
  /** Its current state; the service delays the response for a second, or until it has ended. */
  get: (id: string, signal: AbortSignal) => Promise<T>;
  cancel: (id: string) => Promise<T>;
  /** Text for each phase of a worker. */
  phases: Record<"staging" | "preparing" | "training" | "saving", string>;
}
