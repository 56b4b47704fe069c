/**
 * Starting points of the audio tasks. `mini` is how the tasks are shown to learn on two CPU cores
 * (recipes.json), `base` the papers' networks and rates.
 */

import type { Document } from "../document";
import { RECIPES, type Recipe } from "./recipes";

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
const some = (steps: number, recipe: Recipe) => ({
  steps,
  batch_size: recipe.batch_size,
  optimizer: optimizer(recipe.learning_rate),
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

const small = (kind: "masked_spectrogram" | "wav2vec2"): Document => ({
  task: { kind, ...RECIPES[kind].task },
  model: RECIPES[kind].model,
  data: { audio: { sampling_rate: 8000 } },
});
const SPECTROGRAM = RECIPES.masked_spectrogram;
const WAVES = RECIPES.wav2vec2;

export const AUDIO: Record<"masked_spectrogram" | "wav2vec2", Starts> = {
  masked_spectrogram: {
    smoke: [
      "ast-tiny, 60 steps: about a minute on a laptop",
      { ...small("masked_spectrogram"), training: few(SPECTROGRAM.learning_rate / 2) },
    ],
    mini: [
      `ast-tiny, 600 steps of ${SPECTROGRAM.batch_size} clips: some minutes on a CPU`,
      { ...small("masked_spectrogram"), training: some(600, SPECTROGRAM) },
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
      { ...small("wav2vec2"), training: few(WAVES.learning_rate) },
    ],
    mini: [
      `three layers of 144, 600 steps of ${WAVES.batch_size} clips: some minutes on a CPU`,
      { ...small("wav2vec2"), training: some(600, WAVES) },
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
