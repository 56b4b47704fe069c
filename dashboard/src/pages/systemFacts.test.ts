import { expect, test } from "vitest";
import type { System, Usage } from "@/api/types";
import { systemFacts } from "./systemFacts";

const system = {
  version: "1.0",
  queue: { queued: 0, running: 0, paused: 0, oldest_wait_seconds: null },
  workers: { online: 1, busy: 0 },
  storage: { state: "ok", free_bytes: 5e9 },
  database_bytes: null,
  metrics_lag_seconds: null,
  stream_listeners: null,
} as unknown as System;
const kind = { limit_bytes: null };
const usage = { datasets: kind, checkpoints: kind, samples: kind, exports: kind, logs: kind };
const onDisk = {
  ...usage,
  disk: { free_bytes: 5e9, total_bytes: 9e9, keep_free_bytes: 1e9 },
} as unknown as Usage;

test("the free space is told once", () => {
  const told = systemFacts(system, onDisk).filter(([, value]) => value.includes("free"));
  expect(told.map(([name]) => name)).toEqual(["Disk"]);
});

test("without a disk the storage tells its free space", () => {
  const told = systemFacts(system, { ...usage, disk: null } as unknown as Usage);
  expect(told.filter(([, value]) => value.includes("free")).map(([name]) => name)).toEqual(["Storage"]);
});
