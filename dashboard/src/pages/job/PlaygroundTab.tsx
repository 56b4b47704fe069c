import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { useSearchParams } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { integer } from "@/lib/format";
import { Playground } from "@/playground/Playground";
import { useTasks } from "@/tasks/context";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";

/** Tries out a checkpoint of the job: the one that the address names, else the newest. */
export function PlaygroundTab({ job }: { job: Job }) {
  const { data, error, refetch } = useQuery(queries.checkpoints(job.id));
  const [search, setSearch] = useSearchParams();
  const id = useId();
  const kinds = useTasks().of(job.spec.task.kind)?.predictions ?? [];
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={220} />;
  const named = search.get("checkpoint");
  const chosen = data.data.find((one) => one.id === named) ?? data.data[0];
  if (!chosen || kinds.length === 0) {
    return (
      <Empty icon="play" title={chosen ? "Nothing to try out" : "No checkpoint yet"}>
        <p className="muted">
          {chosen
            ? "The service knows no prediction for checkpoints of this task."
            : "The first checkpoint can be tried out while the job goes on training."}
        </p>
      </Empty>
    );
  }
  return (
    <div className="stack">
      <div className="play-checkpoint">
        <label htmlFor={id}>Checkpoint</label>
        <select
          id={id}
          className="input"
          value={chosen.id}
          onChange={(event) => setSearch({ checkpoint: event.target.value }, { replace: true })}
        >
          {data.data.map((one) => (
            <option key={one.id} value={one.id}>
              Step {integer(one.step)}
            </option>
          ))}
        </select>
      </div>
      <Playground key={chosen.id} checkpoint={chosen.id} kinds={kinds} />
    </div>
  );
}
