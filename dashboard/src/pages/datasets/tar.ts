/** Writes a tar (POSIX.1-2001, pax) around files that stay on the disk: the browser reads them during the upload. */

export interface Member {
  file: Blob;
  /** Path in the archive. */
  path: string;
}

const BLOCK = 512;
const NAME = 100;
const encoder = new TextEncoder();

const padding = (size: number) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
/** Sizes have twelve bytes, the last one empty; larger sizes are in a preceding record. */
const LARGEST = 8 ** 11 - 1;

function header(name: string, size: number, type: "0" | "x"): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  block.set(encoder.encode(name).subarray(0, NAME), 0);
  put("0000644\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(`${Math.min(size, LARGEST).toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  put(" ".repeat(8), 148);
  put(type, 156);
  put("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** `30 path=…`: a record begins with its own length. */
function record(key: string, value: string): Uint8Array {
  const rest = encoder.encode(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return new Uint8Array([...encoder.encode(String(length)), ...rest]);
}

function parts({ file, path }: Member): BlobPart[] {
  const records: Uint8Array[] = [];
  if (encoder.encode(path).length > NAME) records.push(record("path", path));
  if (file.size > LARGEST) records.push(record("size", String(file.size)));
  const told = new Uint8Array(records.flatMap((one) => [...one]));
  const before = told.length > 0 ? [header("PaxHeader", told.length, "x"), told, padding(told.length)] : [];
  return [...before, header(path, file.size, "0"), file, padding(file.size)];
}

/** One file with all members in it, by name; the same bytes for the same files. */
export function packed(name: string, members: readonly Member[]): File {
  const sorted = [...members].sort((one, other) => (one.path < other.path ? -1 : 1));
  return new File([...sorted.flatMap(parts), new Uint8Array(2 * BLOCK)], name);
}
