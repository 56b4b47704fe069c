/** Steps and epochs as people read them. */

import type { Job } from "@/api/types";
import { integer } from "./format";

type Progress = Job["progress"];

/** 1.254 → "1.25", 12.34 → "12.3". */
export const epochNumber = (epochs: number): string =>
  String(Number(epochs.toPrecision(Math.abs(epochs) >= 100 ? 4 : 3)));

/** The number of all steps; "?" while the data of a job that gives epochs are not prepared. */
export const totalSteps = (steps: number | null): string => (steps === null ? "?" : integer(steps));

/** "epoch 1.25 of 3"; empty while it is not known. */
export function epochText({ epoch, epochs }: Pick<Progress, "epoch" | "epochs">): string {
  if (epoch === null || epochs === null) return "";
  return `epoch ${epochNumber(epoch)} of ${epochNumber(epochs)}`;
}

/** "step 30 of 600 · epoch 0.15 of 3". */
export function progressText(progress: Progress): string {
  const steps = `step ${integer(progress.step)} of ${totalSteps(progress.steps)}`;
  return [steps, epochText(progress)].filter(Boolean).join(" · ");
}

/** How many steps an epoch has; null while it is not known. */
export const stepsPerEpoch = ({ steps, epochs }: Pick<Progress, "steps" | "epochs">): number | null =>
  steps !== null && epochs ? steps / epochs : null;
