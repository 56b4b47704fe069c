/** Starting points for a new job: what differs from the defaults, nothing else. */

import type { Document } from "./document";

export interface Preset {
  id: string;
  name: string;
  what: string;
  document: Document;
}

export const PRESETS: Preset[] = [
  {
    id: "smoke",
    name: "Smoke test",
    what: "bert-tiny, 60 steps: under a minute on a laptop",
    document: {
      task: { kind: "masked_lm" },
      model: { preset: "bert-tiny" },
      training: {
        steps: 60,
        batch_size: 16,
        sequence_length: 64,
        optimizer: { learning_rate: 0.001 },
        schedule: { warmup_steps: 6 },
        log_every: 2,
        evaluate_every: 20,
      },
      data: { tokenizer: { vocabulary_size: 2048 } },
    },
  },
  {
    id: "mini",
    name: "Mini",
    what: "bert-mini, 600 steps: some minutes on a CPU",
    document: {
      task: { kind: "masked_lm" },
      model: { preset: "bert-mini" },
      training: {
        steps: 600,
        batch_size: 32,
        sequence_length: 128,
        schedule: { warmup_steps: 50 },
        evaluate_every: 100,
        checkpoint_every: 200,
      },
    },
  },
  {
    id: "base",
    name: "Base",
    what: "bert-base, 100,000 steps of 256 × 512 tokens: for a GPU",
    document: {
      task: { kind: "masked_lm" },
      model: { preset: "bert-base" },
      training: {
        steps: 100_000,
        batch_size: 256,
        accumulation_steps: 8,
        sequence_length: 512,
        optimizer: { learning_rate: 0.0001 },
        schedule: { warmup_steps: 10_000 },
        log_every: 50,
        evaluate_every: 2000,
        checkpoint_every: 5000,
      },
      data: { tokenizer: { vocabulary_size: 30_000 } },
      resources: { device: "cuda" },
    },
  },
];
