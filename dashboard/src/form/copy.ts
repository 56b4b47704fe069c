/** The document of a form that begins with the spec of another job. */

import { getAt, setAt, without, type Document } from "./document";
import type { Field } from "./fields";
import { leavesOf, variantOf } from "./layout";

/** Paths of the groups that the spec may be without and has. */
function chosenGroups(spec: Document, fields: Field[]): string[] {
  return fields.flatMap((field): string[] => {
    if (field.kind === "group") {
      const value = getAt(spec, field.path);
      const chosen = field.optional && typeof value === "object" && value !== null;
      return [...(chosen ? [field.path] : []), ...chosenGroups(spec, field.fields)];
    }
    return field.kind === "union" ? chosenGroups(spec, variantOf(field, spec)?.fields ?? []) : [];
  });
}

/** Paths of all groups that a spec may be without, of all variants. */
function optionalGroups(fields: Field[]): string[] {
  return fields.flatMap((field): string[] => {
    if (field.kind === "group")
      return [...(field.optional ? [field.path] : []), ...optionalGroups(field.fields)];
    return field.kind === "union" ? field.variants.flatMap((variant) => optionalGroups(variant.fields)) : [];
  });
}

/** A spec without the values that equal the defaults. */
export function documentOf(spec: Document, fields: Field[]): Document {
  const defaults = new Map(leavesOf(fields).map((leaf) => [leaf.path, leaf.default]));
  for (const path of optionalGroups(fields)) defaults.set(path, null);
  // The task is always written out, even if there is only one.
  defaults.delete("task.kind");
  const written = without(spec, (path) => defaults.get(path));
  return chosenGroups(spec, fields).reduce(
    (document, path) => (getAt(document, path) ? document : setAt(document, path, {})),
    written,
  );
}
