/** Uploads to a dataset: a queue, two at a time, each with its own progress and error. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { dataset as datasetQuery } from "@/api/queries";
import { uploadFile, type UploadOptions } from "@/api/upload";

const AT_ONCE = 2;

export interface Upload {
  id: number;
  file: File;
  state: "waiting" | "sending" | "stored" | "failed";
  sent: number;
  error: unknown;
}

export interface Uploads {
  list: Upload[];
  add: (files: Iterable<File>) => void;
  remove: (id: number) => void;
  retry: (id: number) => void;
}

/** Uploads added files to the dataset, with the reading options `reading`; until there is a dataset, files wait. */
export function useUploads(dataset: string | null, reading: UploadOptions["reading"]): Uploads {
  const [list, setList] = useState<Upload[]>([]);
  const next = useRef(0);
  const running = useRef(new Map<number, AbortController>());
  const cache = useQueryClient();
  const latest = useRef(reading);
  useEffect(() => {
    latest.current = reading;
  }, [reading]);

  const change = useCallback(
    (id: number, part: Partial<Upload>) =>
      setList((all) => all.map((upload) => (upload.id === id ? { ...upload, ...part } : upload))),
    [],
  );

  useEffect(() => {
    if (dataset === null) return;
    const send = async (upload: Upload) => {
      const controller = new AbortController();
      running.current.set(upload.id, controller);
      change(upload.id, { state: "sending", sent: 0, error: null });
      try {
        await uploadFile(dataset, upload.file, {
          reading: latest.current,
          signal: controller.signal,
          onProgress: (sent) => change(upload.id, { sent }),
        });
        change(upload.id, { state: "stored", sent: upload.file.size });
      } catch (error) {
        change(upload.id, { state: "failed", error });
      } finally {
        running.current.delete(upload.id);
        void cache.invalidateQueries({ queryKey: datasetQuery(dataset).queryKey });
      }
    };
    const free = AT_ONCE - running.current.size;
    list
      .filter((upload) => upload.state === "waiting" && !running.current.has(upload.id))
      .slice(0, Math.max(0, free))
      .forEach((upload) => void send(upload));
  }, [dataset, list, change, cache]);

  // Leaving the page aborts running uploads: the service never keeps an incomplete file.
  useEffect(() => {
    const controllers = running.current;
    return () => controllers.forEach((controller) => controller.abort());
  }, []);

  const add = useCallback((files: Iterable<File>) => {
    const added = [...files].map((file): Upload => {
      next.current += 1;
      return { id: next.current, file, state: "waiting", sent: 0, error: null };
    });
    setList((all) => [...all, ...added]);
  }, []);

  const remove = useCallback((id: number) => {
    running.current.get(id)?.abort();
    setList((all) => all.filter((upload) => upload.id !== id));
  }, []);

  const retry = useCallback((id: number) => change(id, { state: "waiting", error: null }), [change]);
  return { list, add, remove, retry };
}
