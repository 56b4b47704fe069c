/** Starting points for a new job, three a task: what differs from the defaults, nothing else. */

import type { Dataset } from "@/api/types";
import { numberOf, rowsOf } from "@/pages/datasets/statistics";
import { setAt, type Document } from "../document";
import { kindsFor, taskOf, type Modality, type TaskKind } from "../tasks";
import { AUDIO } from "./audio";
import { IMAGE } from "./image";
import { TEXT } from "./text";

export const SIZES = ["smoke", "mini", "base"] as const;
export type Size = (typeof SIZES)[number];

export interface Preset {
  id: Size;
  name: string;
  what: string;
  document: Document;
}

const NAMES: Record<Size, string> = { smoke: "Smoke test", mini: "Mini", base: "Base" };
const DOCUMENTS: Record<TaskKind, Record<Size, [string, Document]>> = { ...TEXT, ...IMAGE, ...AUDIO };

/** Pixels a side up to which networks have small patches and stems; larger inputs would only be blown up. */
const SMALL_IMAGE = 40;
const LONGEST_CLIP_S = 10;

/** The width that most images have, in pixels; 0 where nobody has counted. */
function commonWidth(dataset: Dataset): number {
  const sizes = rowsOf(dataset.statistics, "sizes");
  const most = Math.max(...sizes.map((row) => numberOf(row.images)));
  return numberOf(sizes.find((row) => numberOf(row.images) === most)?.width);
}

/** The starting point for what the dataset holds: pictures are not blown up, clips are not mostly silence. */
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

/** A task's starting points, smallest first; none for a task that this dashboard does not know. */
export function presetsFor(kind: unknown, dataset?: Dataset): Preset[] {
  if (!taskOf(kind)) return [];
  const known = kind as TaskKind;
  const own = dataset?.modality === taskOf(kind)?.modality ? dataset : undefined;
  return SIZES.map((id) => {
    const [what, rest] = DOCUMENTS[known][id];
    const document = { task: { kind: known }, ...rest };
    return { id, name: NAMES[id], what, document: own ? fitted(document, own) : document };
  });
}

/** Where a job on such data begins: its modality's first task, in the size for a machine without a GPU. */
export function startFor(modality: Modality, dataset?: Dataset): Document {
  const [first = "masked_lm"] = kindsFor(modality);
  return presetsFor(first, dataset).find(({ id }) => id === "mini")?.document ?? {};
}

/** Another start under the same name and dataset. */
export const restart = (document: Document, start: Document): Document => ({
  ...start,
  name: document.name,
  dataset: document.dataset,
});
