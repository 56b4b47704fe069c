/**
 * Starting points of the image tasks. `mini` is how the tasks are shown to learn on two CPU cores
 * (benchmarks/learn/recipes.py), `base` the papers' networks at rates that suit AdamW.
 */

import type { Document } from "../document";

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

interface Recipe {
  /** Without its kind. */
  task?: Document;
  preset: string;
  batch: number;
  rate: number;
  steps: number;
}

const task = (kind: string, given: Document | undefined) => given && { task: { kind, ...given } };
const optimizer = (rate: number) => ({ learning_rate: rate, weight_decay: 0.05, beta2: 0.95 });

/** The smoke test is the small recipe with a few steps and small batches; the large one is for 224 pixels a side. */
function starts(kind: Image, mini: Recipe, base: Recipe & { parts: number }): Starts {
  return {
    smoke: [
      `${mini.preset}, 60 steps: about a minute on a laptop`,
      {
        ...task(kind, mini.task),
        model: { preset: mini.preset },
        training: {
          steps: 60,
          batch_size: 32,
          optimizer: optimizer(mini.rate / 2),
          schedule: { warmup_steps: 6 },
          log_every: 2,
          evaluate_every: 20,
        },
      },
    ],
    mini: [
      `${mini.preset}, ${mini.steps} steps of ${mini.batch} images: some minutes on a CPU`,
      {
        ...task(kind, mini.task),
        model: { preset: mini.preset },
        training: {
          steps: mini.steps,
          batch_size: mini.batch,
          optimizer: optimizer(mini.rate),
          schedule: { warmup_steps: mini.steps / 20 },
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
  contrastive: starts(
    "contrastive",
    { preset: "resnet-mini", task: { temperature: 0.2 }, batch: 256, rate: 0.002, steps: 300 },
    { preset: "resnet-50", task: { temperature: 0.1 }, batch: 256, parts: 1, rate: 0.001, steps: 100_000 },
  ),
  masked_autoencoder: starts(
    "masked_autoencoder",
    { preset: "vit-micro", task: { decoder_layers: 2 }, batch: 128, rate: 0.0015, steps: 600 },
    { preset: "vit-base", batch: 1024, parts: 8, rate: 0.0006, steps: 100_000 },
  ),
  self_distillation: starts(
    "self_distillation",
    { preset: "resnet-mini", task: { method: "byol", momentum: 0.99 }, batch: 128, rate: 0.002, steps: 400 },
    { preset: "vit-small", batch: 256, parts: 4, rate: 0.0005, steps: 100_000 },
  ),
  rotation: starts(
    "rotation",
    { preset: "resnet-mini", batch: 64, rate: 0.002, steps: 600 },
    { preset: "resnet-18", batch: 128, parts: 1, rate: 0.001, steps: 50_000 },
  ),
  joint_embedding_prediction: starts(
    "joint_embedding_prediction",
    {
      preset: "vit-micro",
      task: { predictor_layers: 3, momentum: 0.99 },
      batch: 128,
      rate: 0.001,
      steps: 600,
    },
    { preset: "vit-base", batch: 1024, parts: 8, rate: 0.001, steps: 100_000 },
  ),
  colorization: starts(
    "colorization",
    { preset: "resnet-mini", batch: 64, rate: 0.002, steps: 600 },
    { preset: "resnet-18", batch: 128, parts: 1, rate: 0.001, steps: 50_000 },
  ),
  denoising_autoencoder: starts(
    "denoising_autoencoder",
    { preset: "resnet-mini", batch: 64, rate: 0.002, steps: 600 },
    { preset: "resnet-18", batch: 128, parts: 1, rate: 0.001, steps: 50_000 },
  ),
  gan: GAN,
};
