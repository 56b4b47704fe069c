/** A job in seven numbers, the two in the middle the task's own. */

import type { Job } from "@/api/types";
import { meaningOf } from "@/charts/metrics";
import { taskOf, type Modality, type TaskKind } from "@/form/tasks";
import { compact, integer, metric, NONE, percent } from "@/lib/format";

const PROBE: [string, string] = ["Linear probe", "probe/linear_accuracy"];
const RANK: [string, string] = ["Effective rank", "health/rankme"];
const PERPLEXITY: [string, string] = ["Perplexity", "eval/perplexity"];
const BITS: [string, string] = ["Bits per byte", "eval/bits_per_byte"];

const OWN: Record<TaskKind, [[string, string], [string, string]]> = {
  masked_lm: [["Accuracy", "eval/masked_accuracy"], PERPLEXITY],
  causal_lm: [PERPLEXITY, BITS],
  text_denoising_autoencoder: [PERPLEXITY, BITS],
  contrastive: [["Accuracy", "eval/contrastive_accuracy"], PROBE],
  masked_autoencoder: [RANK, PROBE],
  self_distillation: [RANK, PROBE],
  rotation: [["Accuracy", "eval/rotation_accuracy"], PROBE],
  joint_embedding_prediction: [RANK, PROBE],
  colorization: [["Colour error", "eval/colour_error"], PROBE],
  denoising_autoencoder: [RANK, PROBE],
  gan: [
    ["Fréchet distance", "eval/frechet_distance_label_cnn"],
    ["Discriminator right", "eval/discriminator_accuracy"],
  ],
  masked_spectrogram: [RANK, PROBE],
  wav2vec2: [["Accuracy", "eval/contrastive_accuracy"], PROBE],
};

const PACE: Record<Modality, [string, string, string]> = {
  text: ["Tokens/s", "train/tokens_per_s", "Tokens seen"],
  image: ["Images/s", "train/samples_per_s", "Images seen"],
  audio: ["Clips/s", "train/samples_per_s", "Clips seen"],
};

function value(job: Job, name: string): string {
  const latest = job.latest[name];
  if (typeof latest !== "number") return NONE;
  return meaningOf(name.slice(name.indexOf("/") + 1)).format === "percent"
    ? percent(latest, 1)
    : metric(latest);
}

function seen({ progress, spec: { training } }: Job, modality: Modality): string {
  if (typeof training.batch_size !== "number") return NONE;
  const samples = progress.step * training.batch_size;
  return compact(modality === "text" ? samples * training.sequence_length : samples);
}

/** Names and what they come to; of no job, the names that most have. */
export function tilesOf(job: Job | undefined): [string, string][] {
  const kind = job?.spec.task.kind ?? "masked_lm";
  const modality = taskOf(kind)?.modality ?? "text";
  const [pace, perSecond, all] = PACE[modality];
  const rate = job?.latest[perSecond];
  const own = (OWN as Partial<typeof OWN>)[kind] ?? [RANK, PROBE];
  // A game has no loss of its own on the held-out part.
  const losses: [string, string][] = [
    ["Train loss", "train/loss"],
    kind === "gan" ? ["Generator loss", "train/generator_loss"] : ["Held-out loss", "eval/loss"],
  ];
  const measured = [...losses, ...own, ["Learning rate", "train/learning_rate"] as [string, string]];
  return [
    ...measured.map(([title, name]): [string, string] => [title, job ? value(job, name) : ""]),
    [pace, typeof rate === "number" ? (rate < 100 ? metric(rate) : integer(rate)) : NONE],
    [all, job ? seen(job, modality) : ""],
  ];
}
