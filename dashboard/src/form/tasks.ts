/** What a person knows of a task before reading its page: what it learns from, and its name. */

import type { Dataset, Job } from "@/api/types";
import { getAt, type Document } from "./document";

export type Modality = Dataset["modality"];
export type TaskKind = Job["spec"]["task"]["kind"];

interface Task {
  modality: Modality;
  title: string;
}

/** In the order in which a modality's tasks are proposed; its first is the one to begin with. */
export const TASKS: Record<TaskKind, Task> = {
  masked_lm: { modality: "text", title: "Masked language model" },
  causal_lm: { modality: "text", title: "Causal language model" },
  text_denoising_autoencoder: { modality: "text", title: "Text denoising autoencoder" },
  contrastive: { modality: "image", title: "Contrastive learning" },
  masked_autoencoder: { modality: "image", title: "Masked autoencoder" },
  self_distillation: { modality: "image", title: "Self-distillation" },
  rotation: { modality: "image", title: "Rotation prediction" },
  joint_embedding_prediction: { modality: "image", title: "Joint-embedding prediction" },
  colorization: { modality: "image", title: "Colourisation" },
  denoising_autoencoder: { modality: "image", title: "Denoising autoencoder" },
  gan: { modality: "image", title: "Generative adversarial network" },
  masked_spectrogram: { modality: "audio", title: "Masked spectrogram" },
  wav2vec2: { modality: "audio", title: "wav2vec 2.0" },
};

const KINDS = Object.keys(TASKS) as TaskKind[];

/** Undefined for a task that this dashboard does not know yet. */
export const taskOf = (kind: unknown): Task | undefined =>
  typeof kind === "string" ? (TASKS as Partial<Record<string, Task>>)[kind] : undefined;

export const kindsFor = (modality: Modality): TaskKind[] =>
  KINDS.filter((kind) => TASKS[kind].modality === modality);

/** What the job being written learns from, by its task. */
export const modalityOf = (document: Document): Modality | undefined =>
  taskOf(getAt(document, "task.kind"))?.modality;

/** Fields that only one modality reads; to the others they say nothing. */
const ONLY: [string, Modality][] = [
  ["training.sequence_length", "text"],
  ["data.text_column", "text"],
  ["data.documents", "text"],
  ["data.packing", "text"],
  ["data.tokenizer", "text"],
  ["data.image", "image"],
  ["data.audio", "audio"],
];

/** Whether a field has a meaning for a job of this modality; where that is unknown, all have. */
export function concerns(path: string, modality: Modality | undefined): boolean {
  const only = ONLY.find(([prefix]) => path === prefix || path.startsWith(`${prefix}.`));
  return !only || !modality || only[1] === modality;
}
