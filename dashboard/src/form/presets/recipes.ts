/**
 * How each task is trained for some minutes on two CPU cores. `./run bench learn` trains with these very recipes, so that
 * what the form starts with is what the measurements in the documentation were made with.
 */

import type { Document } from "../document";
import recipes from "./recipes.json";

export interface Recipe {
  model: Document;
  /** Without its kind. */
  task: Document;
  batch_size: number;
  learning_rate: number;
}

export const RECIPES: Record<keyof typeof recipes, Recipe> = recipes;
