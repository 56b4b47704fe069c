import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { followJob, type Source, type StreamHandlers } from "./stream";

class Line implements Source {
  readyState = 0;
  closed = false;
  private listeners = new Map<string, ((event: MessageEvent<string>) => void)[]>();

  constructor(readonly url: string) {}

  addEventListener(type: string, listener: (event: MessageEvent<string>) => void) {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  say(type: string, data: unknown = null, lastEventId = "") {
    const message = { data: JSON.stringify(data), lastEventId } as MessageEvent<string>;
    for (const listener of this.listeners.get(type) ?? []) listener(message);
  }

  fail(readyState: number) {
    this.readyState = readyState;
    this.say("error");
  }

  close() {
    this.closed = true;
  }
}

let lines: Line[];
let handlers: { [Name in keyof StreamHandlers]: ReturnType<typeof vi.fn<StreamHandlers[Name]>> };

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  handlers = {
    job: vi.fn(),
    metrics: vi.fn(),
    event: vi.fn(),
    checkpoint: vi.fn(),
    sample: vi.fn(),
    progress: vi.fn(),
    end: vi.fn(),
    open: vi.fn(),
    state: vi.fn(),
  };
});
afterEach(() => vi.useRealTimers());

const follow = () =>
  followJob("job_1", handlers, (url) => {
    lines.push(new Line(url));
    return line(lines.length - 1);
  });

function line(index: number): Line {
  const found = lines[index];
  if (!found) throw new Error(`line ${index} was never opened`);
  return found;
}

test("starts without the past, which the page asks for itself", () => {
  follow();
  expect(line(0).url).toBe("/v1/jobs/job_1/stream?replay=false");
  line(0).say("open");
  expect(handlers.open).toHaveBeenCalledOnce();
  line(0).say("metrics", { step: 1, values: { "train/loss": 2 } });
  expect(handlers.metrics).toHaveBeenCalledWith({ step: 1, values: { "train/loss": 2 } });
});

test("after a cut that the browser mends, says again that it is open", () => {
  follow();
  line(0).say("open");
  line(0).fail(0);
  expect(handlers.state).toHaveBeenLastCalledWith("reconnecting");
  line(0).say("open");
  expect(handlers.state).toHaveBeenLastCalledWith("live");
  expect(handlers.open).toHaveBeenCalledTimes(2);
  expect(lines).toHaveLength(1);
});

test("after an HTTP error opens a new line from the cursor, each time later", () => {
  follow();
  line(0).say("open");
  line(0).say("event", { id: 4 }, "17-4");
  line(0).fail(2);
  vi.advanceTimersByTime(1000);
  expect(line(1).url).toBe("/v1/jobs/job_1/stream?last_event_id=17-4");
  line(1).fail(2);
  vi.advanceTimersByTime(1999);
  expect(lines).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(lines).toHaveLength(3);
});

test("a message without an id leaves the cursor where it was", () => {
  follow();
  line(0).say("open");
  line(0).say("metrics", {}, "9");
  line(0).say("progress", {}, "");
  line(0).fail(2);
  vi.advanceTimersByTime(1000);
  expect(line(1).url).toContain("last_event_id=9");
});

test("ends for good with the job, and does not take the closing for a fault", () => {
  follow();
  line(0).say("open");
  line(0).say("end", { state: "succeeded" });
  line(0).fail(2);
  vi.runAllTimers();
  expect(handlers.end).toHaveBeenCalledWith("succeeded");
  expect(handlers.state).toHaveBeenLastCalledWith("ended");
  expect(line(0).closed).toBe(true);
  expect(lines).toHaveLength(1);
});

test("closing cancels a retry that waits", () => {
  const stream = follow();
  line(0).fail(2);
  stream.close();
  vi.runAllTimers();
  expect(lines).toHaveLength(1);
});
