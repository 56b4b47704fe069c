/** Tables and pictures of an evaluation, as the engine writes them (`core/evaluation/…_reports.py`). */

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
    auroc?: number | null;
  }[];
}

export interface ReliabilityDocument {
  kind: "reliability";
  bins: { low: number; high: number; samples: number; confidence: number | null; accuracy: number | null }[];
  error: number | null;
}

/** What people see of a sample. */
export interface Seen {
  /** Its number in the evaluated samples. */
  sample: number;
  text?: string;
  /** A data URI of a PNG. */
  image?: string;
  /** A data URI of a WAV. */
  sound?: string;
}

export interface Mistake extends Seen {
  truth: string;
  predicted: string;
  confidence: number | null;
}

export interface MistakesDocument {
  kind: "mistakes";
  mistakes: Mistake[];
}

export interface Decision {
  class: string;
  probability: number | null;
}

export interface LabelMistakesDocument {
  kind: "label_mistakes";
  mistakes: (Seen & { missed: Decision[]; added: Decision[]; right: Decision[] })[];
}

export interface ScatterDocument {
  kind: "scatter";
  samples: number;
  /** True and predicted number. */
  points: [number, number][];
  r2: number | null;
  mean_absolute_error: number | null;
  pearson: number | null;
}

export interface NumberMistakesDocument {
  kind: "number_mistakes";
  mistakes: (Seen & { truth: number | null; predicted: number | null })[];
}

export interface EntityRow {
  type: string;
  entities: number;
  precision: number;
  recall: number;
  f1: number;
}

export interface EntityTypesDocument {
  kind: "entity_types";
  rows: EntityRow[];
  all: EntityRow;
}

/** An entity: its first and last word. */
export interface Span {
  type: string;
  first: number;
  last: number;
}

export interface TagMistakesDocument {
  kind: "tag_mistakes";
  sentences: { sample: number; words: string[]; true: Span[]; predicted: Span[] }[];
}

/** A word of the reference and the one in its place; null where there is none. */
export interface AlignedWord {
  reference: string | null;
  hypothesis: string | null;
}

export interface UtterancesDocument {
  kind: "utterances";
  count: number;
  /** Utterances without a mistake. */
  right: number;
  mistakes: (Seen & { word_error_rate: number; words: AlignedWord[] })[];
}

export type ReportDocument =
  | ConfusionMatrixDocument
  | PerClassDocument
  | ReliabilityDocument
  | MistakesDocument
  | LabelMistakesDocument
  | ScatterDocument
  | NumberMistakesDocument
  | EntityTypesDocument
  | TagMistakesDocument
  | UtterancesDocument;

/** The kinds in the order in which they are shown. */
export const KINDS: readonly string[] = [
  "confusion_matrix",
  "scatter",
  "entity_types",
  "reliability",
  "per_class",
  "mistakes",
  "label_mistakes",
  "number_mistakes",
  "tag_mistakes",
  "utterances",
] satisfies ReportDocument["kind"][];

/** Whether this dashboard can draw a document. A newer service may have further kinds. */
export const isKnown = (document: unknown): document is ReportDocument =>
  typeof document === "object" &&
  document !== null &&
  "kind" in document &&
  typeof document.kind === "string" &&
  KINDS.includes(document.kind);
