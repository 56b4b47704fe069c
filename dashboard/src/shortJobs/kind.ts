/** What the dashboard knows of one kind of short job. A new kind is a file in `kinds/`, its panel, and a case of `ShortJob`. */

import type { Estimate, Export, JobPreview } from "@/api/types";

export type ShortJob = Estimate | JobPreview | Export;

export interface ShortJobKind<T extends ShortJob = ShortJob> {
  name: T["object"];
  /** Of its ids: `est` of `est_01kb…`. */
  prefix: string;
  /** In a sentence: "an estimate". */
  one: string;
  /** It as it stands; the service holds the answer back for a second, or until it is over. */
  get: (id: string, signal: AbortSignal) => Promise<T>;
  cancel: (id: string) => Promise<T>;
  /** What a worker is at, by phase. */
  phases: Record<"staging" | "preparing" | "training" | "saving", string>;
}
