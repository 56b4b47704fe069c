/**
 * Folders on their way into a dataset, whose files lie side by side. Images and recordings are packed into a tar, so
 * that the folders' names, which are their classes, come along; of other files the names are joined.
 */

import { byName } from "./modality";
import { packed } from "./tar";

/** A file and its path in the selection: `pets/cat/1.jpg`; only the name if no folder was chosen. */
export interface Found {
  file: File;
  path: string;
}

/** Files that operating systems create. */
const isHidden = (path: string): boolean =>
  path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

/** Files that the service reads by themselves; it would not look for them inside an archive. */
const STANDS_ALONE = /\.(zip|tar|tgz|tar\.gz|tar\.zst|parquet)$|-ubyte(\.gz)?$|(^|\/)tokenizer\.json$/i;

const renamed = (file: File, name: string): File => (file.name === name ? file : new File([file], name));

/** Paths without a common top folder, which distinguishes nothing. */
function below(found: Found[]): Found[] {
  const top = found[0]?.path.split("/")[0] ?? "";
  const shared = found.every(({ path }) => path.startsWith(`${top}/`));
  return found.map(({ file, path }) => ({ file, path: shared ? path.slice(top.length + 1) : path }));
}

/** The files to upload for what was chosen or dropped. */
export function filesOf(all: readonly Found[]): File[] {
  const found = all.filter(({ path }) => !isHidden(path));
  const single = found.filter(({ path }) => !path.includes("/")).map(({ file }) => file);
  const inFolders = found.filter(({ path }) => path.includes("/"));
  const first = inFolders[0];
  if (!first) return single;
  const members = below(inFolders);
  const flat = ({ file, path }: Found) => renamed(file, path.replaceAll("/", "_"));
  const loose = members.filter(({ path }) => STANDS_ALONE.test(path));
  const inside = members.filter(({ path }) => !STANDS_ALONE.test(path));
  const media = inside.filter(({ path }) => byName(path) === "audio" || byName(path) === "image");
  if (2 * media.length <= inside.length) return [...single, ...members.map(flat)];
  const tops = new Set(inFolders.map(({ path }) => path.split("/")[0]));
  const name = tops.size === 1 ? (first.path.split("/")[0] ?? "folder") : "folders";
  return [...single, packed(`${name}.tar`, inside), ...loose.map(flat)];
}

/** Files of a file input, with their relative paths if a folder was chosen. */
export const foundIn = (files: Iterable<File>): Found[] =>
  [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function within(entry: FileSystemEntry): Promise<Found[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ file, path }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Found[] = [];
  // A reader returns some hundred entries at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return found;
    for (const child of entries) found.push(...(await within(child)));
  }
}

/** The dropped files, and all files in dropped folders. */
export async function droppedIn(data: DataTransfer): Promise<Found[]> {
  // Both must be read before the first await: afterwards the data of the drop event are gone.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = foundIn(data.files);
  if (entries.length === 0) return files;
  return (await Promise.all(entries.map(within))).flat();
}
