/** Names inside archives, as far as the browser can find them without reading the whole archive. */

const ENTRY = 46;
/** Bytes at a zip's end that are searched for names: enough for some thousand files. */
const DIRECTORY = 256 * 1024;
const BLOCK = 512;
/** Number of members that are enough to guess an archive's modality. */
const ENOUGH = 200;
/** Most compressed bytes of a tar that are read. */
const COMPRESSED = 4 * 2 ** 20;
/** Most uncompressed bytes of a tar that are read. */
const UNPACKED = 32 * 2 ** 20;

/** Names of the last files in a zip, from the directory at its end. */
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

const field = (header: Uint8Array, from: number, length: number): string =>
  new TextDecoder().decode(header.subarray(from, from + length)).replace(/\0.*$/s, "");

/** A tar's header: the member's name and size; null at the end, and for what is no tar. */
function member(header: Uint8Array): { name: string; size: number; isFile: boolean } | null {
  if (header.length < BLOCK || field(header, 257, 5) !== "ustar") return null;
  const size = Number.parseInt(field(header, 124, 12).trim(), 8);
  if (!Number.isFinite(size)) return null;
  const prefix = field(header, 345, 155);
  const name = field(header, 0, 100);
  const type = field(header, 156, 1);
  return { name: prefix ? `${prefix}/${name}` : name, size, isFile: type === "" || type === "0" };
}

/** Names of the first files in a tar, header by header; `read` returns bytes from an offset on. */
async function tarNames(read: (from: number) => Promise<Uint8Array> | Uint8Array): Promise<string[]> {
  const names: string[] = [];
  for (let at = 0; names.length < ENOUGH;) {
    const found = member(await read(at));
    if (!found) break;
    if (found.isFile) names.push(found.name);
    at += BLOCK + Math.ceil(found.size / BLOCK) * BLOCK;
  }
  return names;
}

/** The beginning of a gzip, decompressed up to where it is cut off or damaged. */
async function gunzipped(file: Blob): Promise<Uint8Array> {
  const reader = file.slice(0, COMPRESSED).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const chunks: Uint8Array[] = [];
  try {
    let room = UNPACKED;
    for (let next = await reader.read(); !next.done && room > 0; next = await reader.read()) {
      chunks.push(next.value);
      room -= next.value.length;
    }
    await reader.cancel();
  } catch {
    // Cut off in the middle, as intended, or no gzip at all.
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

/** Names inside an archive; null if the file is no archive, or one that browsers cannot open. */
export async function namesInside(file: File): Promise<string[] | null> {
  if (/\.zip$/i.test(file.name)) return zipNames(new Uint8Array(await file.slice(-DIRECTORY).arrayBuffer()));
  if (/\.tar$/i.test(file.name))
    return tarNames(async (from) => new Uint8Array(await file.slice(from, from + BLOCK).arrayBuffer()));
  if (/\.(tgz|tar\.gz)$/i.test(file.name)) {
    const unpacked = await gunzipped(file);
    return tarNames((from) => unpacked.subarray(from, from + BLOCK));
  }
  return null;
}
