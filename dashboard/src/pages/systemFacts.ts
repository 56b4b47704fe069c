import type { System, Usage } from "@/api/types";
import { bytes, count, duration, integer } from "@/lib/format";

/** Kinds that the project has a quota for, as "Checkpoints 20.0 GB". */
function quotas(usage: Usage): string {
  const { datasets, checkpoints, samples, exports, logs } = usage;
  return Object.entries({ datasets, checkpoints, samples, exports, logs })
    .flatMap(([kind, { limit_bytes: limit }]) => (limit == null ? [] : [`${kind} ${bytes(limit)}`]))
    .join(", ");
}

/** Name, value and explanation of each line of the card. */
export function systemFacts(
  { queue, workers, storage, version, ...system }: System,
  usage: Usage | undefined,
): [string, string, string?][] {
  const listed: [string, string, string?][] = [
    ["Version", version],
    [
      "Queue",
      `${integer(queue.queued)} queued, ${integer(queue.running)} running, ${integer(queue.paused)} paused`,
    ],
  ];
  if (queue.oldest_wait_seconds !== null)
    listed.push(["Longest wait", duration(queue.oldest_wait_seconds), "Of the jobs in the queue"]);
  listed.push(["Workers", `${integer(workers.online)} online, ${integer(workers.busy)} busy`]);
  // The line of the disk says the same, with its size.
  const free = storage.free_bytes === null || usage?.disk ? "" : `, ${bytes(storage.free_bytes)} free`;
  listed.push(["Storage", `${storage.state}${free}`]);
  if (usage?.disk)
    listed.push([
      "Disk",
      `${bytes(usage.disk.free_bytes)} of ${bytes(usage.disk.total_bytes)} free`,
      `${bytes(usage.disk.keep_free_bytes)} are always kept free`,
    ]);
  if (usage && quotas(usage)) listed.push(["Quotas", quotas(usage), "Of this project"]);
  if (system.database_bytes !== null) listed.push(["Database", bytes(system.database_bytes)]);
  if (system.metrics_lag_seconds !== null)
    listed.push([
      "Metrics lag",
      duration(system.metrics_lag_seconds),
      "Of the jobs in training, the longest time since one's last measurement",
    ]);
  if (system.stream_listeners !== null)
    listed.push(["Watching", count(system.stream_listeners, "open stream")]);
  return listed;
}
