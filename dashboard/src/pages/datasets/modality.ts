/** What differs on these pages between datasets of text, of images and of audio: one entry a modality. */

import type { Dataset } from "@/api/types";

export type Modality = Dataset["modality"];

interface Words {
  /** On a switch and in a heading. */
  title: string;
  /** What it is, in a sentence. */
  data: string;
  /** Files of it, in a sentence. */
  plural: string;
  /** One of them, for counts. */
  sample: string;
  /** Over a column or a figure. */
  samples: string;
  formats: string;
}

export const MODALITIES: Record<Modality, Words> = {
  text: {
    title: "Text",
    data: "text",
    plural: "text files",
    sample: "document",
    samples: "Documents",
    formats:
      ".txt, .jsonl, .csv, .parquet, each also as .gz, .zst or in a .zip; a tokenizer.json of your own, too",
  },
  image: {
    title: "Images",
    data: "images",
    plural: "images",
    sample: "image",
    samples: "Images",
    formats:
      ".zip, .tar or .tar.gz of JPEG, PNG or WebP, folders naming classes; .parquet; single images, too",
  },
  audio: {
    title: "Audio",
    data: "audio",
    plural: "recordings",
    sample: "recording",
    samples: "Recordings",
    formats: ".zip, .tar or .tar.gz of WAV, FLAC or OGG, folders naming classes; single recordings, too",
  },
};

const ENDINGS: [Modality, RegExp][] = [
  ["audio", /\.(wav|flac|ogg|oga|opus)$/i],
  ["image", /\.(jpe?g|png|webp)$|\.(tar|tgz|tar\.gz|tar\.zst)$|-ubyte(\.gz)?$/i],
  ["text", /(\.(txt|md|text|jsonl|ndjson|csv|tsv)|tokenizer\.json)(\.gz|\.zst)?$/i],
];

const byName = (name: string): Modality | null =>
  ENDINGS.find(([, pattern]) => pattern.test(name))?.[0] ?? null;

/** Bytes at a zip's end that are looked through for names: some thousand files' worth. */
const DIRECTORY = 256 * 1024;
const ENTRY = 46;

/** Names of the last files in a zip, by its directory, which lies at its end. */
export function zipNames(tail: Uint8Array): string[] {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const names: string[] = [];
  for (let at = 0; at + ENTRY <= tail.length; at += 1) {
    if (view.getUint32(at, true) !== 0x02014b50) continue;
    const end = at + ENTRY + view.getUint16(at + 28, true);
    if (end > tail.length) break;
    names.push(new TextDecoder().decode(tail.subarray(at + ENTRY, end)));
  }
  return names;
}

/** What files hold, by their names and by those inside a zip; null where neither tells. */
export async function modalityOf(files: readonly File[]): Promise<Modality | null> {
  const votes: Record<Modality, number> = { text: 0, image: 0, audio: 0 };
  for (const file of files) {
    const names = /\.zip$/i.test(file.name)
      ? zipNames(new Uint8Array(await file.slice(-DIRECTORY).arrayBuffer()))
      : [file.name];
    for (const name of names) {
      const found = byName(name);
      if (found) votes[found] += 1;
    }
  }
  const [first, second] = (Object.keys(votes) as Modality[]).sort((a, b) => votes[b] - votes[a]);
  return first && second && votes[first] > votes[second] ? first : null;
}
