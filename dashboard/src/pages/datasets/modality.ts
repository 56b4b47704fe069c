/** The differences on these pages between datasets of text, images and audio: one entry for each modality. */

import type { Dataset } from "@/api/types";
import { namesInside } from "./archives";

export type Modality = Dataset["modality"];

interface Words {
  /** Title on a switch and in a heading. */
  title: string;
  /** Name of the data within a sentence. */
  data: string;
  /** Name of its files within a sentence. */
  plural: string;
  /** Name of one sample, for counts. */
  sample: string;
  /** Heading of a column or a figure. */
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
      ".txt, .md, .jsonl, .csv, .tsv, .parquet, each also as .gz, .zst or in a .zip; .conll with tagged words; a tokenizer.json of your own, too",
  },
  image: {
    title: "Images",
    data: "images",
    plural: "images",
    sample: "image",
    samples: "Images",
    formats:
      ".zip, .tar or .tar.gz of JPEG, PNG, WebP, BMP or TIFF, folders naming classes; .parquet; single images, too",
  },
  audio: {
    title: "Audio",
    data: "audio",
    plural: "recordings",
    sample: "recording",
    samples: "Recordings",
    formats:
      ".zip, .tar or .tar.gz of WAV, FLAC or OGG, folders naming classes; single recordings, too; transcripts as .csv, .tsv or .jsonl",
  },
};

const ENDINGS: [Modality, RegExp][] = [
  ["audio", /\.(wave?|flac|ogg|oga|opus)$/i],
  ["image", /\.(jpe?g|jpe|jfif|pjpe?g|pjp|png|webp|bmp|dib|tiff?)$|-ubyte(\.gz)?$/i],
  ["text", /(\.(txt|md|text|conll|iob2?|bio|bioes|jsonl|ndjson|csv|tsv)|tokenizer\.json)(\.gz|\.zst)?$/i],
];

const TABLE = /\.(jsonl|ndjson|csv|tsv|parquet)(\.gz|\.zst)?$/i;

/** Whether a file has columns, of which one holds the samples. */
export const isTable = (name: string): boolean => TABLE.test(name);

/** The modality that a single file's name implies; null for an archive or a table. */
export const byName = (name: string): Modality | null =>
  ENDINGS.find(([, pattern]) => pattern.test(name))?.[0] ?? null;

/** The modality of files, by their names and the names inside archives; null if neither implies one. */
export async function modalityOf(files: readonly File[]): Promise<Modality | null> {
  const votes: Record<Modality, number> = { text: 0, image: 0, audio: 0 };
  for (const file of files) {
    const names = (await namesInside(file)) ?? [file.name];
    for (const name of names) {
      const found = byName(name);
      if (found) votes[found] += 1;
    }
  }
  const [first, second] = (Object.keys(votes) as Modality[]).sort((a, b) => votes[b] - votes[a]);
  return first && second && votes[first] > votes[second] ? first : null;
}
