/** The initial spec of a new job: a recipe of its task, adapted to the dataset. */

import type { Dataset } from "@/api/types";
import { numberOf, rowsOf, textOf } from "@/pages/datasets/statistics";
import type { Modality, Task, Tasks } from "@/tasks/tasks";
import { getAt, setAt, type Document } from "./document";

export interface Start {
  /** The recipe's name: recipes of the same size have the same name in all tasks. */
  name: string;
  title: string;
  description: string;
  document: Document;
}

/** The recipe for a machine without a GPU. */
const USUAL = "mini";

/** Image size in pixels up to which networks have small patches and stems; a larger input size would only upscale the images. */
const SMALL_IMAGE = 40;
const LONGEST_CLIP_S = 10;

/** The most frequent image width in pixels; 0 if it was not counted. */
function commonWidth(dataset: Dataset): number {
  const sizes = rowsOf(dataset.statistics, "sizes");
  const most = Math.max(...sizes.map((row) => numberOf(row.images)));
  return numberOf(sizes.find((row) => numberOf(row.images) === most)?.width);
}

/** The recipe adapted to the dataset: images are not upscaled, audio clips are not mostly padding. */
function fitted(document: Document, dataset: Dataset): Document {
  if (dataset.modality === "image") {
    const width = commonWidth(dataset);
    return width > 0 && width <= SMALL_IMAGE ? setAt(document, "data.image.size", undefined) : document;
  }
  const longest = numberOf(dataset.statistics.longest_seconds);
  if (dataset.modality !== "audio" || longest === 0) return document;
  const clip = Math.max(0.5, Math.min(LONGEST_CLIP_S, Math.ceil(longest * 10) / 10));
  return setAt(document, "data.audio.clip_seconds", clip);
}

const TARGET = "task.target";

/** What a task predicts, where the dataset's labels leave no choice: lists, and more numbers than classes; else its default. */
function targetOf(task: Task | undefined, dataset: Dataset | undefined): string | undefined {
  const kind = textOf(dataset?.statistics.label_kind);
  const decides = kind === "several" || kind === "number";
  return decides && task?.needs_labels && task.fields.includes(TARGET) ? kind : undefined;
}

/** The document with the target for the dataset; one that was chosen otherwise stays. */
export function withTarget(
  document: Document,
  task: Task | undefined,
  dataset: Dataset | undefined,
  before?: Dataset,
): Document {
  const untouched = getAt(document, TARGET) === targetOf(task, before);
  return untouched ? setAt(document, TARGET, targetOf(task, dataset)) : document;
}

/** A task's recipes, smallest first; none for an unknown task. */
export function startsOf(task: Task | undefined, dataset?: Dataset): Start[] {
  const own = dataset?.modality === task?.modality ? dataset : undefined;
  return (task?.recipes ?? []).map(({ name, title, description, spec }) => {
    const document = spec as Document;
    const adapted = own ? withTarget(fitted(document, own), task, own) : document;
    return { name, title, description, document: adapted };
  });
}

/** The recipe of that name, or the task's default one; without recipes, the kind alone. */
export function startOf(task: Task, dataset?: Dataset, name = USUAL): Document {
  const starts = startsOf(task, dataset);
  const wanted = [name, USUAL].flatMap((one) => starts.find((start) => start.name === one) ?? []);
  return wanted[0]?.document ?? starts[0]?.document ?? { task: { kind: task.kind } };
}

/** The default task for a dataset: the first task of its modality. */
export function startFor(tasks: Tasks, modality: Modality, dataset?: Dataset): Document {
  const [first] = tasks.ofModality(modality);
  return first ? startOf(first, dataset) : {};
}

/** Another recipe with the same name and dataset. */
export const restart = (document: Document, start: Document): Document => ({
  ...start,
  name: document.name,
  dataset: document.dataset,
});
