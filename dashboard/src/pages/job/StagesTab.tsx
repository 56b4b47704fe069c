import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { Forgetting } from "@/continual/Forgetting";
import { isolated, shortId } from "@/lib/format";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Name } from "@/ui/Name";

/** The stages that a job goes back to, and the measures of each with the weights after every other one. */
export function StagesTab({ job }: { job: Job }) {
  const [metric, setMetric] = useState<string>();
  const { data, error, refetch } = useQuery(queries.continual(job.id, metric, !isTerminal(job.state)));
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={320} />;
  const stages = data.stages.map((stage) => ({
    job: stage.job,
    name: stage.dataset_name ?? stage.name ?? shortId(stage.job),
  }));
  return (
    <div className="stack">
      <ol className="stage-list">
        {data.stages.map((stage) => (
          <li key={stage.job}>
            <Name>{stage.dataset_name ?? "Deleted dataset"}</Name>
            {stage.state === null ? (
              <span className="faint small">{isolated(stage.name ?? shortId(stage.job))} (deleted)</span>
            ) : (
              <Link href={`/jobs/${stage.job}`} className="link small">
                <Name>{stage.name ?? shortId(stage.job)}</Name>
              </Link>
            )}
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
