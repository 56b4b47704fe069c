/** Short names for the shapes of the HTTP interface. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Problem = Schemas["Problem"];
export type ProblemDetail = Schemas["ProblemDetail"];
export type Session = Schemas["SessionOut"];
export type Key = Schemas["KeyOut"];
export type KeyCreated = Schemas["KeyCreated"];
export type Scope = Key["scopes"][number];
export type Dataset = Schemas["DatasetOut"];
export type DatasetDetail = Schemas["DatasetDetail"];
export type DatasetFile = Schemas["DatasetFileOut"];
export type Continuation = Schemas["ContinuationOut"];
export type Preview = Schemas["DatasetPreview"];
export type Job = Schemas["JobOut"];
export type JobSummary = Schemas["JobSummary"];
export type JobState = Job["state"];
export type Progress = Schemas["Progress"];
export type Validation = Schemas["ValidationOut"];
export type Metrics = Schemas["MetricsOut"];
export type Series = Schemas["Series"];
export type JobEvent = Schemas["EventOut"];
export type Log = Schemas["LogOut"];
export type Checkpoint = Schemas["CheckpointOut"];
export type UploadedCheckpoint = Omit<Schemas["UploadedCheckpointOut"], "job">;
export type Usage = Schemas["UsageOut"];
export type Worker = Schemas["WorkerOut"];
export type System = Schemas["SystemOut"];
export type Sample = Schemas["SampleOut"];
export type Estimate = Schemas["EstimateOut"];
export type EstimateResult = Schemas["EstimateResult"];
export type JobPreview = Schemas["PreviewOut"];
export type ShownThing = Schemas["ShownThing"];
export type Export = Schemas["ExportOut"];
export type Evaluation = Schemas["EvaluationOut"];
export type EvaluationSection = Schemas["Section"];
export type Measure = Schemas["Measure"];
export type Lineage = Schemas["LineageOut"];
export type PlannedLineage = Schemas["PlannedLineageOut"];
export type PlannedStage = PlannedLineage["stages"][number];
export type Forgetting = Schemas["ForgettingOut"];

/** A page of any list. */
export interface Page<Item> {
  data: Item[];
  has_more: boolean;
  next?: string | null;
}

/** A `metrics` message of the stream: the values of one step. */
export interface MetricPoint {
  step: number;
  time: number;
  values: Record<string, number | string | null>;
  attempt: number;
}

export const TERMINAL: readonly JobState[] = ["succeeded", "failed", "cancelled"];
export const isTerminal = (state: JobState): boolean => TERMINAL.includes(state);
