import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { bytes, integer, metric } from "@/lib/format";
import { ButtonLink } from "@/ui/Button";
import { Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { Distilled } from "./Distilled";

const EVENTS_SHOWN = 6;

function NewestCheckpoint({ job }: { job: Job }) {
  const { data: checkpoints } = useQuery(queries.checkpoints(job.id));
  const checkpoint = checkpoints?.data[0];
  const loss = checkpoint?.metrics["eval/loss"];
  const every = job.spec.training.checkpoint_every;
  return (
    <section className="side-part side-checkpoint">
      <h3>Newest checkpoint</h3>
      {checkpoint ? (
        <div className="side-row">
          <div>
            <b className="num">Step {integer(checkpoint.step)}</b>
            <div className="faint small num">
              {bytes(checkpoint.bytes)}
              {typeof loss === "number" && ` · held-out loss ${metric(loss)}`}
            </div>
          </div>
          <ButtonLink
            download
            icon="download"
            look="primary"
            href={`/v1/checkpoints/${checkpoint.id}/archive`}
            label={`Download the checkpoint of step ${checkpoint.step}`}
          >
            Download
          </ButtonLink>
        </div>
      ) : (
        <div className="side-row">
          <p className="faint small">
            {!checkpoints
              ? "Loading…"
              : every
                ? `None yet. One comes every ${integer(every)} steps, and at the end.`
                : "None yet. One comes at the end."}
          </p>
        </div>
      )}
    </section>
  );
}

/** The panel beside the curves: the newest checkpoint and the last events. */
export function SidePanel({ job }: { job: Job }) {
  const { data: events } = useQuery(queries.events(job.id));
  return (
    <aside className="side card" aria-label="Newest checkpoint and events">
      <NewestCheckpoint job={job} />
      {job.distillation && <Distilled job={job} facts={job.distillation} />}
      <section className="side-part side-events">
        <h3>
          Events
          <Link href={`/jobs/${job.id}/events`} className="link small">
            All
          </Link>
        </h3>
        <ol className="side-list">
          {events
            ?.filter((event) => event.type !== "sample")
            .slice(-EVENTS_SHOWN)
            .reverse()
            .map((event) => (
              <li key={event.id}>
                <span className="side-text" title={event.message}>
                  {event.message}
                </span>
                <span className="faint small nowrap">
                  <Time at={event.time} />
                </span>
              </li>
            )) ?? (
            <li>
              <Skeleton width="70%" />
            </li>
          )}
        </ol>
      </section>
    </aside>
  );
}
