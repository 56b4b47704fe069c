/** Uploads one file and reports the progress. Uses XMLHttpRequest, because `fetch` reports no upload progress. */

import { CSRF, errorOf, localProblem, unreachable } from "./client";
import type { DatasetFile } from "./types";

// Above this the digest would need the whole file in memory; the server hashes every byte anyway and returns the hash.
const DIGEST_LIMIT = 64 * 2 ** 20;

async function contentDigest(file: File): Promise<string | undefined> {
  // `subtle` exists only on https and localhost, unlike the types say.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle || file.size > DIGEST_LIMIT) return undefined;
  const hash = new Uint8Array(await subtle.digest("SHA-256", await file.arrayBuffer()));
  return `sha-256=:${btoa(String.fromCharCode(...hash))}:`;
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface UploadOptions {
  /** Reading options, by the names of the query parameters; the service detects those that are not set. */
  reading: Partial<Record<"text_column" | "image_column" | "delimiter" | "quote", string>>;
  onProgress: (sent: number) => void;
  signal: AbortSignal;
}

/** The stored file's record; throws `ApiError` with the server's message. */
export async function uploadFile(dataset: string, file: File, options: UploadOptions): Promise<DatasetFile> {
  const query = new URLSearchParams(options.reading).toString();
  const path = `/v1/datasets/${dataset}/files/${encodeURIComponent(file.name)}`;
  return (await put(query ? `${path}?${query}` : path, file, options)) as DatasetFile;
}

/** Puts a file into a checkpoint that is being uploaded; throws `ApiError` with the server's message. */
export async function uploadCheckpointFile(
  checkpoint: string,
  file: File,
  options: Omit<UploadOptions, "reading">,
): Promise<void> {
  await put(`/v1/checkpoints/${checkpoint}/files/${encodeURIComponent(file.name)}`, file, options);
}

async function put(path: string, file: File, options: Omit<UploadOptions, "reading">): Promise<unknown> {
  const digest = await contentDigest(file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(CSRF)) request.setRequestHeader(name, value);
    if (digest) request.setRequestHeader("Content-Digest", digest);
    request.upload.onprogress = (event) => options.onProgress(event.loaded);
    request.onload = () => {
      const body = decode(request.responseText);
      if (request.status >= 200 && request.status < 300) resolve(body);
      else reject(errorOf(request.status, body, request.getResponseHeader("X-Request-Id")));
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(localProblem("cancelled", "Cancelled", "The upload was cancelled."));
    options.signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
