/**
 * Which fields are shown unfolded, besides those that the task itself names. All others are under "Advanced", in the
 * schema's order.
 */

import type { Tasks } from "@/tasks/tasks";
import type { Document } from "./document";
import { getAt } from "./document";
import type { Field, Leaf } from "./fields";

const FIRST = new Set([
  "task.kind",
  "model.preset",
  "adaptation.rank",
  "adaptation.targets",
  "adaptation.placement",
  "training.steps",
  "training.epochs",
  "training.batch_size",
  "training.sequence_length",
  "training.optimizer.learning_rate",
  "training.schedule.warmup_steps",
  "training.evaluate_every",
  "training.checkpoint_every",
  "data.tokenizer.kind",
  "data.tokenizer.vocabulary_size",
  "data.image.size",
  "data.image.channels",
  "data.audio.sampling_rate",
  "data.audio.clip_seconds",
  "resources.device",
]);

/** A field of a method against forgetting, which is a group of its own. */
const METHOD = /^(continual\.\w+)\.\w+$/;

/** A field with only one possible value needs no input; the task's field describes the task. */
export const isAsked = (leaf: Leaf): boolean =>
  leaf.kind !== "choice" || leaf.choices.length > 1 || leaf.path === "task.kind";

/** The task of a document, if the service has it. */
const taskOf = (document: Document, tasks: Tasks) => tasks.of(getAt(document, "task.kind"));

const isFirst = (leaf: Leaf, document: Document, tasks: Tasks): boolean =>
  leaf.required ||
  FIRST.has(leaf.path) ||
  (leaf.path.startsWith("start.") && getAt(document, "start") !== undefined) ||
  (leaf.path === "data.files" && getAt(document, leaf.path) !== undefined) ||
  (leaf.path === "data.tokenizer.add_tokens" && getAt(document, "data.tokenizer.kind") === "checkpoint") ||
  (METHOD.test(leaf.path) && getAt(document, leaf.path.replace(METHOD, "$1")) !== undefined) ||
  (taskOf(document, tasks)?.main_fields.includes(leaf.path) ?? false);

const inner = (field: Field, document: Document): Field[] => {
  if (field.kind === "group") return field.fields;
  if (field.kind === "union") return variantOf(field, document)?.fields ?? [];
  return [];
};

export function variantOf(field: Extract<Field, { kind: "union" }>, document: Document) {
  const tag = getAt(document, `${field.path}.${field.tag}`) ?? field.default;
  return field.variants.find((variant) => variant.value === tag) ?? field.variants[0];
}

/** Whether the task reads a field. One that only other tasks read stays if it was set, so that it can be removed. */
const isRead = (path: string, document: Document, tasks: Tasks): boolean =>
  tasks.concerns(path, taskOf(document, tasks)) || getAt(document, path) !== undefined;

const isShown = (leaf: Leaf, document: Document, tasks: Tasks): boolean =>
  isAsked(leaf) && isRead(leaf.path, document, tasks);

/** The leaf fields that are shown unfolded, at any depth. */
export function firstOf(fields: Field[], document: Document, tasks: Tasks): Field[] {
  return fields.flatMap((field): Field[] => {
    if (field.kind === "union")
      return isRead(field.path, document, tasks)
        ? [field, ...firstOf(inner(field, document), document, tasks)]
        : [];
    if (field.kind === "group") return firstOf(field.fields, document, tasks);
    return isShown(field, document, tasks) && isFirst(field, document, tasks) ? [field] : [];
  });
}

export interface Part {
  /** Title of the group that the leaves belong to; empty for the section's own. */
  title: string;
  leaves: Leaf[];
}

/** The other leaves, group by group. */
export function restOf(fields: Field[], document: Document, tasks: Tasks, title = ""): Part[] {
  const own = fields.filter(
    (field): field is Leaf =>
      field.kind !== "group" &&
      field.kind !== "union" &&
      isShown(field, document, tasks) &&
      !isFirst(field, document, tasks),
  );
  const nested = fields
    .filter((field) => field.kind === "group" || field.kind === "union")
    .flatMap((field) => restOf(inner(field, document), document, tasks, field.title));
  return [...(own.length > 0 ? [{ title, leaves: own }] : []), ...nested];
}

/** The sections of the form in the schema's order; those that show no field unfolded come last, and those of other tasks not
 * at all. */
export function sectionsOf(fields: Field[], document: Document, tasks: Tasks): Field[] {
  const sections = fields.filter(
    (field) => field.kind === "group" || (field.kind === "union" && isRead(field.path, document, tasks)),
  );
  const isFolded = (section: Field) => firstOf([section], document, tasks).length === 0;
  return [...sections.filter((one) => !isFolded(one)), ...sections.filter(isFolded)];
}

/** Every leaf below the fields, of all variants. */
export function leavesOf(fields: Field[]): Leaf[] {
  return fields.flatMap((field): Leaf[] => {
    if (field.kind === "group") return leavesOf(field.fields);
    if (field.kind === "union") return field.variants.flatMap((variant) => leavesOf(variant.fields));
    return [field];
  });
}

/** The document with its keys in the schema's order, as people expect to read it. */
export function inOrder(document: Document, fields: Field[], prefix = ""): Document {
  const ordered: Document = {};
  for (const field of fields) {
    const key = field.path.slice(prefix.length);
    const value = document[key];
    if (value === undefined) continue;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isObject && field.kind === "group") ordered[key] = inOrder(value, field.fields, `${field.path}.`);
    else if (isObject && field.kind === "union") {
      const fieldsOfVariant = variantOf(field, { [key]: value })?.fields ?? [];
      const tag = value[field.tag];
      ordered[key] = {
        ...(tag !== undefined && { [field.tag]: tag }),
        ...inOrder(value, fieldsOfVariant, `${field.path}.`),
      };
    } else ordered[key] = value;
  }
  return ordered;
}
