import { useQuery } from "@tanstack/react-query";
import { useLayoutEffect, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { bytes } from "@/lib/format";
import { ButtonLink } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";
import { Empty, ErrorBox } from "@/ui/Notice";

const AT_THE_END_PX = 24;

/** The log's last lines. It follows the end until somebody scrolls up, and again when they return to it. */
export function LogTab({ job }: { job: Job }) {
  const [attempt, setAttempt] = useState<number | undefined>(undefined);
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const live = !isTerminal(job.state) && attempt === undefined;
  const {
    data: log,
    error,
    refetch,
  } = useQuery({
    ...queries.log(job.id, attempt, live),
    enabled: job.attempt > 0,
  });
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log?.text, follow]);

  if (job.attempt === 0 || (error instanceof ApiError && error.code === "log_not_found")) {
    return (
      <Empty icon="jobs" title="No log yet">
        <p className="muted">It begins when a worker starts the engine.</p>
      </Empty>
    );
  }
  return (
    <section className="log card" aria-label="Log">
      <div className="log-head">
        <label className="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} />
          Follow
        </label>
        {job.attempt > 1 && (
          <select
            className="input input-small"
            aria-label="Attempt"
            value={attempt ?? job.attempt}
            onChange={(event) => {
              const chosen = Number(event.target.value);
              setAttempt(chosen === job.attempt ? undefined : chosen);
            }}
          >
            {Array.from({ length: job.attempt }, (_, index) => job.attempt - index).map((number) => (
              <option key={number} value={number}>
                Attempt {number}
              </option>
            ))}
          </select>
        )}
        <span className="log-end">
          {log && <span className="faint small num nowrap hide-small">{bytes(log.bytes)} in all</span>}
          {log?.complete && (
            <ButtonLink
              small
              download
              icon="download"
              href={`/v1/jobs/${job.id}/logs?attempt=${log.attempt}&full=true`}
            >
              Whole log
            </ButtonLink>
          )}
          <CopyButton text={log?.text ?? ""} label="Copy these lines" />
        </span>
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must be reachable by keyboard */}
      <pre
        ref={box}
        tabIndex={0}
        aria-label="Last lines"
        onScroll={({ currentTarget: at }) =>
          setFollow(at.scrollHeight - at.scrollTop - at.clientHeight < AT_THE_END_PX)
        }
      >
        {log?.text}
      </pre>
      {/* eslint-enable jsx-a11y/no-noninteractive-tabindex */}
    </section>
  );
}
