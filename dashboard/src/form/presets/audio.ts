/**
 * Starting points of the audio tasks. `mini` is how the tasks are shown to learn on two CPU cores
 * (benchmarks/learn/recipes.py), `base` the papers' networks and rates.
 */

import type { Document } from "../document";

type Starts = Record<"smoke" | "mini" | "base", [string, Document]>;

const optimizer = (rate: number) => ({ learning_rate: rate, weight_decay: 0.05, beta2: 0.95 });
const few = (rate: number) => ({
  steps: 60,
  batch_size: 16,
  optimizer: optimizer(rate),
  schedule: { warmup_steps: 6 },
  log_every: 2,
  evaluate_every: 20,
});
const some = (steps: number, batch: number, rate: number) => ({
  steps,
  batch_size: batch,
  optimizer: optimizer(rate),
  schedule: { warmup_steps: steps / 20 },
  evaluate_every: 100,
  checkpoint_every: 200,
});
const many = (batch: number, parts: number, rate: number) => ({
  steps: 100_000,
  batch_size: batch,
  accumulation_steps: parts,
  optimizer: optimizer(rate),
  schedule: { warmup_steps: 8000 },
  log_every: 50,
  evaluate_every: 2000,
  checkpoint_every: 5000,
});

const SMALL_SPECTROGRAM: Document = {
  task: { kind: "masked_spectrogram", mel_bins: 64, patch_size: 8, augmentation: { speed: 0.15 } },
  model: { preset: "ast-tiny" },
  data: { audio: { sampling_rate: 8000 } },
};

/** A frame each 10 ms at 8 kHz, so that short recordings give enough of them to mask and to tell apart. */
const SMALL_WAVES: Document = {
  task: {
    kind: "wav2vec2",
    feature_encoder: { kernels: [10, 8, 4, 4], strides: [5, 4, 2, 2], channels: 96 },
    mask_start_probability: 0.1,
    mask_length: 5,
    negatives: 20,
    codewords: 40,
    codeword_size: 48,
    projection_size: 96,
    position_kernel: 16,
    augmentation: { speed: 0.15 },
  },
  model: { layers: 3, hidden_size: 144, heads: 4 },
  data: { audio: { sampling_rate: 8000 } },
};

export const AUDIO: Record<"masked_spectrogram" | "wav2vec2", Starts> = {
  masked_spectrogram: {
    smoke: [
      "ast-tiny, 60 steps: about a minute on a laptop",
      { ...SMALL_SPECTROGRAM, training: few(0.0005) },
    ],
    mini: [
      "ast-tiny, 600 steps of 64 clips: some minutes on a CPU",
      { ...SMALL_SPECTROGRAM, training: some(600, 64, 0.001) },
    ],
    base: [
      "ast-base, 100,000 steps of 512 clips: for a GPU",
      {
        model: { preset: "ast-base" },
        training: many(512, 8, 0.0002),
        resources: { device: "cuda" },
      },
    ],
  },
  wav2vec2: {
    smoke: [
      "three layers of 144, 60 steps: about a minute on a laptop",
      { ...SMALL_WAVES, training: few(0.001) },
    ],
    mini: [
      "three layers of 144, 600 steps of 32 clips: some minutes on a CPU",
      { ...SMALL_WAVES, training: some(600, 32, 0.002) },
    ],
    base: [
      "wav2vec2-base, 100,000 steps of 256 clips: for a GPU",
      {
        model: { preset: "wav2vec2-base" },
        training: many(256, 8, 0.0005),
        resources: { device: "cuda" },
      },
    ],
  },
};
