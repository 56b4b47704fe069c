/** Tables and pictures of an evaluation, as the engine writes them (`core/evaluation/reports.py`). */

/** Media type of a report among a job's samples. */
export const REPORT = "application/json";

export interface ConfusionMatrixDocument {
  kind: "confusion_matrix";
  classes: string[];
  /** Row: the true class; column: the predicted one. */
  counts: number[][];
  /** Classes that are left out, because there are too many. */
  left_out: number;
}

export interface PerClassDocument {
  kind: "per_class";
  rows: {
    class: string;
    samples: number;
    precision: number | null;
    recall: number | null;
    f1: number | null;
  }[];
}

export interface ReliabilityDocument {
  kind: "reliability";
  bins: { low: number; high: number; samples: number; confidence: number | null; accuracy: number | null }[];
  error: number;
}

export interface Mistake {
  sample: number;
  truth: string;
  predicted: string;
  confidence: number;
  text?: string;
  /** A data URI of a PNG. */
  image?: string;
  /** A data URI of a WAV. */
  sound?: string;
}

export interface MistakesDocument {
  kind: "mistakes";
  mistakes: Mistake[];
}

export type ReportDocument =
  ConfusionMatrixDocument | PerClassDocument | ReliabilityDocument | MistakesDocument;

const KINDS = ["confusion_matrix", "reliability", "per_class", "mistakes"];

/** Whether this dashboard can draw a document. A newer service may have further kinds. */
export const isKnown = (document: unknown): document is ReportDocument =>
  typeof document === "object" &&
  document !== null &&
  "kind" in document &&
  typeof document.kind === "string" &&
  KINDS.includes(document.kind);
