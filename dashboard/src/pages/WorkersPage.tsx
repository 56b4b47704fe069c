import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Worker } from "@/api/types";
import { bytes, count, shortId } from "@/lib/format";
import { useIsAdmin } from "@/lib/session";
import { useTitle } from "@/lib/title";
import { kindOf } from "@/shortJobs/kinds";
import { CodeBlock } from "@/ui/Copy";
import { Name } from "@/ui/Name";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { SystemCard } from "./SystemCard";

const STATES: Record<Worker["state"], string> = { idle: "Idle", busy: "Busy", offline: "Offline" };

function Running({ id }: { id: string }) {
  const shortJob = kindOf(id);
  return shortJob ? <span>{shortJob.one}</span> : <RunningJob id={id} />;
}

function RunningJob({ id }: { id: string }) {
  const job = useQuery(queries.job(id)).data;
  return (
    <Link href={`/jobs/${id}`} className="link">
      <Name>{job?.name ?? shortId(id)}</Name>
    </Link>
  );
}

function Card({ worker }: { worker: Worker }) {
  return (
    <li className={`worker card worker-${worker.state}`}>
      <div className="worker-head">
        <h2 className="truncate" title={worker.id}>
          <bdi>{worker.name}</bdi>
        </h2>
        <span className={`chip chip-${worker.state}`}>
          <i className="dot" aria-hidden="true" />
          {STATES[worker.state]}
        </span>
      </div>
      <dl className="facts">
        <div>
          <dt>Device</dt>
          <dd className="truncate" title={worker.device_name}>
            <span className="tag">{worker.device === "cuda" ? "GPU" : "CPU"}</span> {worker.device_name}
          </dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd className="num">
            {bytes(worker.memory_bytes)} · {count(worker.threads, "thread")}
          </dd>
        </div>
        <div>
          <dt>Runs</dt>
          <dd className="truncate">
            {worker.job ? <Running id={worker.job} /> : <span className="faint">nothing</span>}
          </dd>
        </div>
        <div>
          <dt>Last seen</dt>
          <dd>
            <Time at={worker.last_seen_at} />
          </dd>
        </div>
        <div>
          <dt>Up since</dt>
          <dd>
            <Time at={worker.started_at} /> <span className="faint">· version {worker.version}</span>
          </dd>
        </div>
      </dl>
    </li>
  );
}

export function WorkersPage() {
  useTitle("Workers");
  const { data, error, isPending, refetch } = useQuery(queries.workers);
  const isAdmin = useIsAdmin();
  return (
    <div className="page">
      <div className="page-head">
        <h1>Workers</h1>
        {data && (
          <span className="faint small num">
            {count(data.data.filter((worker) => worker.state !== "offline").length, "worker")} online
          </span>
        )}
      </div>
      {isAdmin && <SystemCard />}
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {data?.data.length === 0 ? (
        <Empty icon="workers" title="No worker has come yet">
          <p className="muted">
            Jobs wait in the queue until one does. Start one on any machine that reaches the database:
          </p>
          <CodeBlock label="command" code="seedbed-server worker" />
        </Empty>
      ) : (
        <ul className="workers">
          {isPending
            ? Array.from({ length: 3 }, (_, index) => (
                <li key={index} className="worker card">
                  <Skeleton width="100%" height={152} />
                </li>
              ))
            : data?.data.map((worker) => <Card key={worker.id} worker={worker} />)}
        </ul>
      )}
    </div>
  );
}
