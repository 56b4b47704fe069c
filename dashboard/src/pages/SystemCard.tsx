import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import type { System, Usage } from "@/api/types";
import { bytes, count, duration, integer } from "@/lib/format";

/** Kinds that the project has a quota for, as "Checkpoints 20.0 GB". */
function quotas(usage: Usage): string {
  const { datasets, checkpoints, samples, exports, logs } = usage;
  return Object.entries({ datasets, checkpoints, samples, exports, logs })
    .flatMap(([kind, { limit_bytes: limit }]) => (limit == null ? [] : [`${kind} ${bytes(limit)}`]))
    .join(", ");
}

function facts(
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
  const free = storage.free_bytes === null ? "" : `, ${bytes(storage.free_bytes)} free`;
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

/** The state of the service, for admins. */
export function SystemCard() {
  const { data } = useQuery(queries.system);
  const usage = useQuery(queries.usage).data;
  if (!data) return null;
  return (
    <section className="card system" aria-labelledby="system">
      <div className="usage-head">
        <h2 id="system">Service</h2>
        <p className="faint small">{data.scope === "service" ? "All projects" : "This project"}</p>
      </div>
      <dl className="system-facts num">
        {facts(data, usage).map(([name, value, more]) => (
          <div key={name} title={more}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
