import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { Forgetting } from "@/continual/Forgetting";
import { shortId } from "@/lib/format";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Name } from "@/ui/Name";

/** The stages that a job goes back to, and what its weights still know of them. */
export function StagesTab({ job }: { job: Job }) {
  const [metric, setMetric] = useState<string>();
  const { data, error, refetch } = useQuery(queries.continual(job.id, metric, !isTerminal(job.state)));
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={320} />;
  const stages = data.stages.map((stage) => ({ job: stage.job, name: stage.name ?? shortId(stage.job) }));
  return (
    <div className="stack">
      <ol className="stage-list">
        {data.stages.map((stage) => (
          <li key={stage.job}>
            {stage.state === null ? (
              <Name>{stage.name ?? shortId(stage.job)}</Name>
            ) : (
              <Link href={`/jobs/${stage.job}`} className="link">
                <Name>{stage.name ?? shortId(stage.job)}</Name>
              </Link>
            )}
            {stage.state === null && <span className="faint"> (deleted)</span>}
            {stage.dataset === null && <span className="faint"> (its data were deleted)</span>}
          </li>
        ))}
      </ol>
      {data.lineage !== null && (
        <p>
          <Link href={`/lineages/${data.lineage}`} className="link">
            The lineage of this stage
          </Link>
        </p>
      )}
      <Forgetting found={data.forgetting} stages={stages} onMetric={setMetric} />
    </div>
  );
}
