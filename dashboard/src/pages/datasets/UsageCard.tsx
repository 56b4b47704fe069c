import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import type { Usage } from "@/api/types";
import { bytes, NONE } from "@/lib/format";

const KINDS = [
  ["datasets", "Datasets"],
  ["checkpoints", "Checkpoints"],
  ["samples", "Samples"],
  ["exports", "Exports"],
  ["previews", "Previews"],
  ["logs", "Logs"],
] as const;

function Kind({ title, kind }: { title: string; kind: Usage["datasets"] }) {
  const limit = kind.limit_bytes ?? null;
  const full = limit !== null && kind.bytes >= limit;
  return (
    <div className={full ? "usage-kind usage-full" : "usage-kind"}>
      <dt>{title}</dt>
      <dd className="num">
        {kind.count > 0 || limit !== null ? bytes(kind.bytes) : NONE}
        {limit !== null && <span className="faint"> of {bytes(limit)}</span>}
      </dd>
      {limit !== null && (
        <progress
          max={Math.max(limit, 1)}
          value={Math.min(kind.bytes, limit)}
          aria-label={`${title}: share of the quota`}
        />
      )}
    </div>
  );
}

/** The project's use of storage, by kind, and the free space. */
export function UsageCard() {
  const { data } = useQuery(queries.usage);
  if (!data) return null;
  const { disk } = data;
  const low = disk !== null && disk.free_bytes < disk.keep_free_bytes;
  return (
    <section className="card usage" aria-labelledby="usage">
      <div className="usage-head">
        <h2 id="usage">Storage</h2>
        <p className="faint small">
          {bytes(data.bytes)} in all
          {disk && (
            <span className={low ? "usage-low" : undefined}>
              {" · "}
              {bytes(disk.free_bytes)} of the disk’s {bytes(disk.total_bytes)} free,{" "}
              {bytes(disk.keep_free_bytes)} always kept free
            </span>
          )}
        </p>
      </div>
      <dl className="usage-kinds">
        {KINDS.map(([kind, title]) => (
          <Kind key={kind} title={title} kind={data[kind]} />
        ))}
      </dl>
    </section>
  );
}
