import { useQueries, useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { integer } from "@/lib/format";
import { Documents } from "@/reports/Documents";
import { REPORT } from "@/reports/documents";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";

/** Tables and pictures of a job's newest evaluation. */
export function ReportsTab({ job }: { job: Job }) {
  const { data, error, refetch } = useQuery(queries.samples(job.id));
  const reports = (data ?? []).filter((sample) => sample.media_type === REPORT);
  const documents = useQueries({ queries: reports.map((sample) => queries.reportDocument(sample.id)) });
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={260} />;
  const [first] = reports;
  if (!first) {
    return (
      <Empty icon="gauge" title={isTerminal(job.state) ? "No reports" : "No report yet"}>
        <p className="muted">
          {isTerminal(job.state)
            ? "Tasks that learn labels report their measures for each class or type, and their worst mistakes."
            : "A task that learns labels reports its predictions after each evaluation."}
        </p>
      </Empty>
    );
  }
  const failed = documents.find((one) => one.error);
  return (
    <div className="stack">
      <p className="muted small">
        The evaluation of step <b className="num">{integer(first.step)}</b> on held-out samples.
      </p>
      {failed?.error && <ErrorBox error={failed.error} retry={() => void failed.refetch()} />}
      {documents.some((one) => one.isPending) && <Skeleton width="100%" height={260} />}
      <Documents documents={documents.map((one) => one.data)} />
    </div>
  );
}
