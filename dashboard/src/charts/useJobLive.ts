import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import { followJob, type StreamState } from "@/api/stream";
import type { Job, JobEvent } from "@/api/types";
import { LiveMetrics } from "./live";

// Twice the pixels of the widest chart: more points than that cannot be seen.
export const MAX_POINTS = Math.round((Math.min(window.innerWidth, 1400) * 2 * 0.66) / 100) * 100;

/** False while the page is in a background tab: browsers allow few connections, and the page is not visible. */
function usePageSeen(): boolean {
  const [seen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    const onChange = () => setSeen(!document.hidden);
    document.addEventListener("visibilitychange", onChange);
    return () => document.removeEventListener("visibilitychange", onChange);
  }, []);
  return seen;
}

/** Every point written since the cursor; returns the cursor after them. */
async function catchUp(id: string, live: LiveMetrics, cursor: number): Promise<number> {
  for (;;) {
    const answer = await unwrap(
      client.GET("/v1/jobs/{job}/metrics", { params: { path: { job: id }, query: { after: cursor } } }),
    );
    live.addAll(answer.series);
    cursor = answer.next;
    if (!answer.has_more) return cursor;
  }
}

function addEvent(cache: QueryClient, id: string, event: JobEvent): void {
  cache.setQueryData(queries.events(id).queryKey, (events) => {
    if (!events || events.some((known) => known.id === event.id)) return events;
    return [...events, event];
  });
}

/** Keeps all cached data about a job current while its page is open. */
export function useJobLive(id: string, terminal: boolean): { stream: StreamState; live: LiveMetrics } {
  const cache = useQueryClient();
  const [live] = useState(() => new LiveMetrics());
  const [stream, setStream] = useState<StreamState>("connecting");
  const [opens, setOpens] = useState(0);
  const seen = usePageSeen();
  const base = useQuery(queries.metrics(id, { maxPoints: MAX_POINTS }));
  const follow = seen && !terminal;

  useEffect(() => {
    if (!follow) return;
    const patch = (change: (job: Job) => Job) =>
      cache.setQueryData(queries.job(id).queryKey, (job) => (job ? change(job) : job));
    const followed = followJob(id, {
      state: setStream,
      open: () => setOpens((count) => count + 1),
      job: (job) => void cache.setQueryData(queries.job(id).queryKey, job),
      progress: (progress) => patch((job) => ({ ...job, progress })),
      metrics: (point) => {
        live.add(point);
        const values = Object.entries(point.values).map(([name, value]) => [
          name,
          typeof value === "number" ? value : null,
        ]);
        patch((job) => ({
          ...job,
          latest: { ...job.latest, ...(Object.fromEntries(values) as Job["latest"]) },
        }));
      },
      event: (event) => addEvent(cache, id, event),
      checkpoint: () => {
        void cache.invalidateQueries({ queryKey: queries.checkpoints(id).queryKey });
      },
      sample: () => {
        void cache.invalidateQueries({ queryKey: queries.samples(id).queryKey });
      },
      end: () => {
        for (const queryKey of [
          queries.job(id).queryKey,
          queries.events(id).queryKey,
          queries.checkpoints(id).queryKey,
          queries.samples(id).queryKey,
          ["log", id],
        ])
          void cache.invalidateQueries({ queryKey });
      },
    });
    return () => followed.close();
  }, [id, follow, cache, live]);

  // The first response may be older than the stream: what was written in between is requested by the cursor.
  const cursor = base.data?.next;
  useEffect(() => {
    if (opens === 0 || cursor === undefined) return;
    catchUp(id, live, cursor).catch(() => undefined);
    if (opens === 1) return;
    void cache.invalidateQueries({ queryKey: queries.events(id).queryKey });
    void cache.invalidateQueries({ queryKey: queries.samples(id).queryKey });
  }, [id, opens, cursor, cache, live]);

  return { stream: terminal ? "ended" : stream, live };
}
