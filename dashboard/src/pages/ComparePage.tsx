import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { meaningOf, type Meaning } from "@/charts/metrics";
import { progressText } from "@/lib/epochs";
import { isolated, metric, NONE, percent } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { StateChip } from "@/ui/State";

const isShown = (name: string): boolean => /^(eval|probe)\//.test(name);

function Column({ job }: { job: Job }) {
  return (
    <th scope="col">
      <Link href={`/jobs/${job.id}`}>{isolated(job.name)}</Link>
      <span className="faint small evaluation-hint">
        {job.parent ? "From a checkpoint" : "From random initialisation"}, {progressText(job.progress)}
      </span>
      <StateChip job={job} />
    </th>
  );
}

/** Two jobs side by side: the newest value of every measure on held-out samples. */
export function ComparePage({ first, second }: { first: string; second: string }) {
  const one = useQuery({ ...queries.job(first), refetchInterval: 5000 });
  const other = useQuery({ ...queries.job(second), refetchInterval: 5000 });
  const tasks = useTasks();
  useTitle("Comparison");
  const error = one.error ?? other.error;
  if (error)
    return (
      <div className="page">
        <ErrorBox error={error} />
      </div>
    );
  if (!one.data || !other.data)
    return (
      <div className="page">
        <Skeleton width="100%" height={240} />
      </div>
    );
  const own = one.data.latest;
  const theirs = other.data.latest;
  const names = [...new Set([...Object.keys(own), ...Object.keys(theirs)])].filter(isShown).sort();
  const shown = (value: number | null | undefined, format: Meaning["format"]): string =>
    value === null || value === undefined ? NONE : format === "percent" ? percent(value, 1) : metric(value);
  return (
    <article className="page page-narrow evaluation">
      <div className="page-head">
        <h1>Side by side</h1>
      </div>
      <section className="card evaluation-section">
        <div className="evaluation-table">
          <table>
            <thead>
              <tr>
                <th scope="col">Measure</th>
                <Column job={one.data} />
                <Column job={other.data} />
              </tr>
            </thead>
            <tbody>
              {names.map((name) => {
                const { title, format } = meaningOf(name.slice(name.indexOf("/") + 1), tasks);
                return (
                  <tr key={name}>
                    <th scope="row">{title}</th>
                    <td className="num">{shown(own[name], format)}</td>
                    <td className="num">{shown(theirs[name], format)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
        {names.length === 0 && <p className="muted">Neither has been evaluated yet.</p>}
      </section>
    </article>
  );
}
