import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import type { System } from "@/api/types";
import { bytes, count, duration, integer } from "@/lib/format";

function facts({ queue, workers, storage, version, ...system }: System): [string, string, string?][] {
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
  if (!data) return null;
  return (
    <section className="card system" aria-labelledby="system">
      <div className="usage-head">
        <h2 id="system">Service</h2>
        <p className="faint small">{data.scope === "service" ? "All projects" : "This project"}</p>
      </div>
      <dl className="system-facts num">
        {facts(data).map(([name, value, more]) => (
          <div key={name} title={more}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
