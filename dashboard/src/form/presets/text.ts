/** Starting points of the text tasks. Rates: the tasks' pages; of `base`, the papers'. */

import type { Document } from "../document";

const SMOKE = {
  steps: 60,
  batch_size: 16,
  sequence_length: 64,
  optimizer: { learning_rate: 0.001 },
  schedule: { warmup_steps: 6 },
  log_every: 2,
  evaluate_every: 20,
};
const MINI = {
  steps: 600,
  batch_size: 32,
  sequence_length: 128,
  schedule: { warmup_steps: 50 },
  evaluate_every: 100,
  checkpoint_every: 200,
};
const BASE = { log_every: 50, evaluate_every: 2000, checkpoint_every: 5000 };
const FEW_WORDS = { tokenizer: { vocabulary_size: 2048 } };
const MANY_WORDS = { tokenizer: { vocabulary_size: 30_000 } };

type Text = "masked_lm" | "causal_lm" | "text_denoising_autoencoder";

export const TEXT: Record<Text, Record<"smoke" | "mini" | "base", [string, Document]>> = {
  masked_lm: {
    smoke: [
      "bert-tiny, 60 steps: under a minute on a laptop",
      { model: { preset: "bert-tiny" }, training: SMOKE, data: FEW_WORDS },
    ],
    mini: ["bert-mini, 600 steps: some minutes on a CPU", { model: { preset: "bert-mini" }, training: MINI }],
    base: [
      "bert-base, 100,000 steps of 256 × 512 tokens: for a GPU",
      {
        model: { preset: "bert-base" },
        training: {
          steps: 100_000,
          batch_size: 256,
          accumulation_steps: 8,
          sequence_length: 512,
          optimizer: { learning_rate: 0.0001 },
          schedule: { warmup_steps: 10_000 },
          ...BASE,
        },
        data: MANY_WORDS,
        resources: { device: "cuda" },
      },
    ],
  },
  causal_lm: {
    smoke: [
      "gpt2-tiny, 60 steps: under a minute on a laptop",
      { model: { preset: "gpt2-tiny" }, training: SMOKE, data: FEW_WORDS },
    ],
    mini: [
      "gpt2-mini, 600 steps: tens of minutes on a CPU",
      { model: { preset: "gpt2-mini" }, training: MINI },
    ],
    base: [
      "gpt2-small, 100,000 steps of 256 × 1,024 tokens: for a GPU",
      {
        model: { preset: "gpt2-small" },
        training: {
          steps: 100_000,
          batch_size: 256,
          accumulation_steps: 16,
          sequence_length: 1024,
          optimizer: { learning_rate: 0.0006, beta2: 0.95 },
          schedule: { warmup_steps: 2000 },
          ...BASE,
        },
        data: MANY_WORDS,
        resources: { device: "cuda" },
      },
    ],
  },
  text_denoising_autoencoder: {
    smoke: [
      "t5-tiny, 60 steps: under a minute on a laptop",
      { model: { preset: "t5-tiny" }, training: SMOKE, data: FEW_WORDS },
    ],
    mini: ["t5-mini, 600 steps: some minutes on a CPU", { model: { preset: "t5-mini" }, training: MINI }],
    base: [
      "t5-small, 100,000 steps of 128 × 512 tokens: for a GPU",
      {
        model: { preset: "t5-small" },
        training: {
          steps: 100_000,
          batch_size: 128,
          accumulation_steps: 4,
          sequence_length: 512,
          optimizer: { learning_rate: 0.0005 },
          schedule: { warmup_steps: 10_000 },
          ...BASE,
        },
        data: MANY_WORDS,
        resources: { device: "cuda" },
      },
    ],
  },
};
