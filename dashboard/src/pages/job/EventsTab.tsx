import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";

const GOOD = new Set(["succeeded", "checkpoint"]);
const BAD = new Set(["failed", "lease_expired", "warning", "not_stored"]);

const tone = (type: string): string => (GOOD.has(type) ? "good" : BAD.has(type) ? "bad" : "plain");

/** The job's events, newest first. */
export function EventsTab({ id }: { id: string }) {
  const { data: events, error, refetch } = useQuery(queries.events(id));
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!events) return <Skeleton width="100%" height={240} />;
  return (
    <ol className="timeline card">
      {/* Samples have a tab of their own, and are too frequent for a list of events. */}
      {events
        .filter((event) => event.type !== "sample")
        .toReversed()
        .map((event) => (
          <li key={event.id} className={`timeline-${tone(event.type)}`}>
            <span className="timeline-time faint small nowrap">
              <Time at={event.time} />
            </span>
            <div className="timeline-body">
              <p>{event.message}</p>
              <p className="faint small">
                <code>{event.type}</code>
                {event.attempt > 0 && ` · attempt ${event.attempt}`}
              </p>
            </div>
          </li>
        ))}
    </ol>
  );
}
