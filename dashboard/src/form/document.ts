/** The spec that is being edited: a plain object with only the values that the user has set. */

import type { Json } from "@/lib/yaml";

export type Document = Record<string, Json | undefined>;

const isDocument = (value: Json | undefined): value is Document =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const drop = (document: Document, key: string): Document =>
  Object.fromEntries(Object.entries(document).filter(([name]) => name !== key));

export function getAt(document: Document, path: string): Json | undefined {
  let at: Json | undefined = document;
  for (const key of path.split(".")) at = isDocument(at) ? at[key] : undefined;
  return at;
}

/** A copy with the value at the path; `undefined` removes the value, and objects that become empty. */
export function setAt(document: Document, path: string, value: Json | undefined): Document {
  const [key = "", ...rest] = path.split(".");
  if (rest.length === 0) return value === undefined ? drop(document, key) : { ...document, [key]: value };
  const child = document[key];
  const inner = setAt(isDocument(child) ? child : {}, rest.join("."), value);
  return Object.keys(inner).length === 0 ? drop(document, key) : { ...document, [key]: inner };
}

/** Fields of which a spec has exactly one. */
const EITHER: Record<string, string> = {
  "training.steps": "training.epochs",
  "training.epochs": "training.steps",
};

/** `setAt`, for an input of the form: a value of one of two fields replaces the value of the other. */
export function enter(document: Document, path: string, value: Json | undefined): Document {
  const other = EITHER[path];
  const before = other !== undefined && value !== undefined ? setAt(document, other, undefined) : document;
  return setAt(before, path, value);
}

/** The typed text as a number if it is one; else the text itself, so that the service reports the error. */
export function numberOrText(text: string): number | string | undefined {
  const plain = text.trim().replaceAll(/(?<=\d)[,_](?=\d{3})/g, "");
  if (plain === "") return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : text;
}

/** A copy without the values that equal the defaults, so that a job's spec is shown as it was written. */
export function without(document: Document, defaults: (path: string) => unknown, prefix = ""): Document {
  const kept: Document = {};
  for (const [key, value] of Object.entries(document)) {
    const path = prefix + key;
    if (isDocument(value)) {
      const inner = without(value, defaults, `${path}.`);
      if (Object.keys(inner).length > 0) kept[key] = inner;
    } else if (value !== undefined && value !== defaults(path)) kept[key] = value;
  }
  return kept;
}
