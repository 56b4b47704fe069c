/**
 * Starting points of the image tasks. `mini` is how the tasks are shown to learn on two CPU cores
 * (recipes.json), `base` the papers' networks at rates that suit AdamW.
 */

import type { Document } from "../document";
import { RECIPES } from "./recipes";

type Image =
  | "contrastive"
  | "masked_autoencoder"
  | "self_distillation"
  | "rotation"
  | "joint_embedding_prediction"
  | "colorization"
  | "denoising_autoencoder"
  | "gan";
type Starts = Record<"smoke" | "mini" | "base", [string, Document]>;

interface Large {
  /** Without its kind. */
  task?: Document;
  preset: string;
  batch: number;
  /** Parts of a batch. */
  parts: number;
  rate: number;
  steps: number;
}

const task = (kind: string, given: Document = {}) =>
  Object.keys(given).length > 0 && { task: { kind, ...given } };
const optimizer = (rate: number) => ({ learning_rate: rate, weight_decay: 0.05, beta2: 0.95 });

/** The smoke test is the small recipe with a few steps and small batches; the large one is for 224 pixels a side. */
function starts(kind: Exclude<Image, "gan">, steps: number, base: Large): Starts {
  const mini = RECIPES[kind];
  const preset = mini.model.preset as string;
  return {
    smoke: [
      `${preset}, 60 steps: about a minute on a laptop`,
      {
        ...task(kind, mini.task),
        model: mini.model,
        training: {
          steps: 60,
          batch_size: 32,
          optimizer: optimizer(mini.learning_rate / 2),
          schedule: { warmup_steps: 6 },
          log_every: 2,
          evaluate_every: 20,
        },
      },
    ],
    mini: [
      `${preset}, ${steps} steps of ${mini.batch_size} images: some minutes on a CPU`,
      {
        ...task(kind, mini.task),
        model: mini.model,
        training: {
          steps,
          batch_size: mini.batch_size,
          optimizer: optimizer(mini.learning_rate),
          schedule: { warmup_steps: steps / 20 },
          evaluate_every: 100,
          checkpoint_every: 200,
        },
      },
    ],
    base: [
      `${base.preset}, ${base.steps.toLocaleString("en-US")} steps of ${base.batch.toLocaleString("en-US")} images: for a GPU`,
      {
        ...task(kind, base.task),
        model: { preset: base.preset },
        training: {
          steps: base.steps,
          batch_size: base.batch,
          ...(base.parts > 1 && { accumulation_steps: base.parts }),
          optimizer: optimizer(base.rate),
          schedule: { warmup_steps: base.steps / 20 },
          log_every: 50,
          evaluate_every: 2000,
          checkpoint_every: 5000,
        },
        data: { image: { size: 224 } },
        resources: { device: "cuda" },
      },
    ],
  };
}

/** A game of two networks wants an optimiser of its own: docs/tasks/gan.md. */
const player = (beta1: number) => ({ learning_rate: 0.0002, beta1, beta2: 0.999, weight_decay: 0 });
const GAN: Starts = {
  smoke: [
    "dcgan-mini, 60 steps: about a minute on a laptop",
    {
      model: { preset: "dcgan-mini" },
      training: {
        steps: 60,
        batch_size: 32,
        gradient_clip: null,
        optimizer: player(0.5),
        schedule: { kind: "constant" },
        log_every: 2,
        evaluate_every: 20,
      },
    },
  ],
  mini: [
    "dcgan-mini, 600 steps of 64 images: some minutes on a CPU",
    {
      model: { preset: "dcgan-mini" },
      training: {
        steps: 600,
        batch_size: 64,
        gradient_clip: null,
        optimizer: player(0.5),
        schedule: { kind: "constant" },
        evaluate_every: 100,
        checkpoint_every: 200,
      },
    },
  ],
  base: [
    "resgan-base, 100,000 steps of 64 images: for a GPU",
    {
      model: { preset: "resgan-base" },
      training: {
        steps: 100_000,
        batch_size: 64,
        gradient_clip: null,
        optimizer: player(0),
        schedule: { kind: "constant" },
        log_every: 50,
        evaluate_every: 2000,
        checkpoint_every: 5000,
      },
      resources: { device: "cuda" },
    },
  ],
};

export const IMAGE: Record<Image, Starts> = {
  // A batch is one part: negatives come from it.
  contrastive: starts("contrastive", 300, {
    preset: "resnet-50",
    task: { temperature: 0.1 },
    batch: 256,
    parts: 1,
    rate: 0.001,
    steps: 100_000,
  }),
  masked_autoencoder: starts("masked_autoencoder", 600, {
    preset: "vit-base",
    batch: 1024,
    parts: 8,
    rate: 0.0006,
    steps: 100_000,
  }),
  self_distillation: starts("self_distillation", 400, {
    preset: "vit-small",
    batch: 256,
    parts: 4,
    rate: 0.0005,
    steps: 100_000,
  }),
  rotation: starts("rotation", 600, {
    preset: "resnet-18",
    batch: 128,
    parts: 1,
    rate: 0.001,
    steps: 50_000,
  }),
  joint_embedding_prediction: starts("joint_embedding_prediction", 600, {
    preset: "vit-base",
    batch: 1024,
    parts: 8,
    rate: 0.001,
    steps: 100_000,
  }),
  colorization: starts("colorization", 600, {
    preset: "resnet-18",
    batch: 128,
    parts: 1,
    rate: 0.001,
    steps: 50_000,
  }),
  denoising_autoencoder: starts("denoising_autoencoder", 600, {
    preset: "resnet-18",
    batch: 128,
    parts: 1,
    rate: 0.001,
    steps: 50_000,
  }),
  gan: GAN,
};
