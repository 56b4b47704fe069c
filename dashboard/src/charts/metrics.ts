/** What the metrics are called, measured in, and good for: one entry a name, without the area before the slash. */

export interface Meaning {
  title: string;
  format?: "value" | "percent" | "megabytes";
  /** Whether a logarithmic axis makes sense. */
  log?: boolean;
  /** How to read it, in a sentence. */
  hint?: string;
}

const MEANINGS: Record<string, Meaning> = {
  // The run.
  learning_rate: { title: "Learning rate", log: true },
  gradient_norm: { title: "Gradient norm", log: true, hint: "Before clipping." },
  tokens_per_s: { title: "Tokens per second" },
  samples_per_s: { title: "Samples per second" },
  data_wait_fraction: { title: "Share of time waiting for data", format: "percent" },
  memory_mb: { title: "Memory", format: "megabytes" },
  // Text.
  perplexity: { title: "Perplexity", log: true, hint: "Lower is better; 1 would be certainty." },
  bits_per_byte: {
    title: "Bits per byte",
    hint: "Lower is better; compares runs whose vocabularies differ.",
  },
  // Images and audio.
  colour_error: { title: "Colour error", hint: "Distance in the ab plane of CIELAB; lower is better." },
  grey_error: { title: "Colour error of grey", hint: "What leaving the image grey would cost." },
  clean_loss: { title: "Loss on clean images" },
  mean_colour_loss: { title: "Loss of the mean colour", hint: "What painting the mean colour would cost." },
  feature_loss: { title: "Feature loss" },
  target_spread: { title: "Spread of targets", hint: "0: all samples have the same target, a collapse." },
  contrastive_loss: { title: "Contrastive loss", log: true },
  diversity_loss: { title: "Diversity loss", log: true },
  codebook_perplexity: {
    title: "Codewords in use",
    hint: "Perplexity of the codebooks, summed; the number of codebooks means collapse.",
  },
  discriminator_loss: { title: "Discriminator loss" },
  generator_loss: { title: "Generator loss" },
  real_score: { title: "Score of real" },
  generated_score: { title: "Score of generated" },
  r1: { title: "R1 penalty", log: true },
  augmentation_probability: { title: "Augmentation probability", format: "percent" },
  frechet_distance_label_cnn: {
    title: "Fréchet distance (label CNN)",
    log: true,
    hint: "Between real and generated images, on features of a small classifier of this dataset; lower is better. Not the FID.",
  },
  // Representation health.
  rankme: {
    title: "Effective rank (RankMe)",
    hint: "Dimensions that the features really use: from 1, a collapse, to their width. Higher is better.",
  },
  std: {
    title: "Spread of features",
    hint: "0: all samples are one point, a collapse; 1: they point everywhere.",
  },
  uniformity: { title: "Uniformity", hint: "Lower is more spread out; 0 is one point." },
  alignment: {
    title: "Alignment of two views",
    hint: "Squared distance between two views of a sample; lower ignores more of what augmentation changes.",
  },
  knn_accuracy: {
    title: "k-NN probe",
    format: "percent",
    hint: "Held-out samples whose nearest training samples have their class.",
  },
  linear_accuracy: {
    title: "Linear probe",
    format: "percent",
    hint: "Held-out samples that a linear classifier on the features gets right.",
  },
};

const sentence = (name: string): string => {
  const words = name.replaceAll(/[/_]/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const IS_SHARE = /(_accuracy|_fraction|_probability)$/;
const IS_LOSS = /(^|_)loss$/;

/** Of a name such as `rotation_accuracy`; what nobody has described is read off the words. */
export function meaningOf(name: string): Meaning {
  const known = MEANINGS[name];
  if (known) return known;
  if (name.startsWith("ema_")) {
    const { title, ...rest } = meaningOf(name.slice(4));
    return { ...rest, title: `${title}, averaged weights` };
  }
  return {
    title: sentence(name),
    ...(IS_SHARE.test(name) && { format: "percent" }),
    ...(IS_LOSS.test(name) && { log: true }),
  };
}
