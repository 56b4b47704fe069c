/** A job's Server-Sent Events: open while the page is visible, reconnected automatically after a lost connection. */

import type { Checkpoint, Job, JobEvent, JobState, MetricPoint, Progress, Sample } from "./types";

export type StreamState = "connecting" | "live" | "reconnecting" | "ended";

/** The data of the stream's messages, by the name of the event. */
interface Messages {
  job: Job;
  metrics: MetricPoint;
  event: JobEvent;
  checkpoint: Checkpoint;
  sample: Sample;
  progress: Progress;
  end: { state: JobState };
}

export interface StreamHandlers {
  job: (job: Job) => void;
  metrics: (point: MetricPoint) => void;
  event: (event: JobEvent) => void;
  checkpoint: (checkpoint: Checkpoint) => void;
  sample: (sample: Sample) => void;
  progress: (progress: Progress) => void;
  end: (state: JobState) => void;
  /** The connection is open, for the first time or again: request what was written before, which may have been missed. */
  open: () => void;
  state: (state: StreamState) => void;
}

/** The part of EventSource that is used here, so that a test can replace the network. */
export interface Source {
  readonly readyState: number;
  addEventListener: (type: string, listener: (event: MessageEvent<string>) => void) => void;
  close: () => void;
}

const CLOSED = 2;
const SLOWEST_RETRY = 30_000;

/** Follows the job until it is terminal or `close` is called. */
export function followJob(
  job: string,
  handlers: StreamHandlers,
  connect: (url: string) => Source = (url) => new EventSource(url),
): { close: () => void } {
  let source: Source | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let cursor = "";
  let opened = false;
  let ended = false;

  const close = () => {
    clearTimeout(timer);
    source?.close();
  };

  const on = <Name extends keyof Messages>(type: Name, handle: (data: Messages[Name]) => void) => {
    source?.addEventListener(type, (message) => {
      if (message.lastEventId) cursor = message.lastEventId;
      handle(JSON.parse(message.data) as Messages[Name]);
    });
  };

  const join = () => {
    // The page requests past data itself; the stream sends what is written after it was opened, or after the cursor.
    const from = cursor ? `last_event_id=${encodeURIComponent(cursor)}` : "replay=false";
    source = connect(`/v1/jobs/${job}/stream?${from}`);
    source.addEventListener("open", () => {
      failures = 0;
      handlers.state("live");
      opened = true;
      handlers.open();
    });
    source.addEventListener("error", () => {
      if (ended) return;
      handlers.state(opened ? "reconnecting" : "connecting");
      // The browser reconnects by itself after a broken connection; after an HTTP error it does not, so this code does.
      if (source?.readyState !== CLOSED) return;
      timer = setTimeout(join, Math.min(1000 * 2 ** failures, SLOWEST_RETRY));
      failures += 1;
    });
    on("job", handlers.job);
    on("metrics", handlers.metrics);
    on("event", handlers.event);
    on("checkpoint", handlers.checkpoint);
    on("sample", handlers.sample);
    on("progress", handlers.progress);
    on("end", ({ state }) => {
      ended = true;
      close();
      handlers.state("ended");
      handlers.end(state);
    });
  };

  handlers.state("connecting");
  join();
  return { close };
}
