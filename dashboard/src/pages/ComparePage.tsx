import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { meaningOf, type Meaning } from "@/charts/metrics";
import { progressText } from "@/lib/epochs";
import { isolated, metric, NONE, percent } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { Back } from "@/ui/Back";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { StateChip } from "@/ui/State";
import { asksWhetherItHelped, bare, beginningOf, betterOf, inOrder } from "./comparison";

const isShown = (name: string): boolean => /^(eval|probe)\//.test(name);

function Column({ job }: { job: Job }) {
  return (
    <th scope="col">
      <Link href={`/jobs/${job.id}`}>{isolated(job.name)}</Link>
      <span className="faint small evaluation-hint">{beginningOf(job)}</span>
      <span className="faint small evaluation-hint">{progressText(job.progress)}</span>
      <StateChip job={job} />
    </th>
  );
}

const emphasized = (text: string, strong: boolean) => (strong ? <b>{text}</b> : text);

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
  const order = tasks.of(one.data.spec.task.kind)?.metrics.map(({ name }) => name) ?? [];
  const names = inOrder([...Object.keys(own), ...Object.keys(theirs)].filter(isShown), order);
  const helped = asksWhetherItHelped(one.data, other.data);
  const shown = (value: number | null | undefined, format: Meaning["format"]): string =>
    value === null || value === undefined ? NONE : format === "percent" ? percent(value, 1) : metric(value);
  return (
    <article className="page page-narrow evaluation">
      <Back href={`/jobs/${first}`}>{isolated(one.data.name)}</Back>
      <div className="page-head">
        <h1>{helped ? "Did pretraining help?" : "Side by side"}</h1>
      </div>
      <p className="muted">
        {helped
          ? "Both jobs have the same settings, seed and data; only the weights that they began with differ. "
          : "The newest measures of both jobs. "}
        The better value of each measure is bold. One run of each says little if the values are close: another
        seed can turn them around.
      </p>
      <section className="card evaluation-section">
        <div className="evaluation-table">
          <table className="compare">
            <thead>
              <tr>
                <th scope="col">Measure</th>
                <Column job={one.data} />
                <Column job={other.data} />
              </tr>
            </thead>
            <tbody>
              {names.map((name) => {
                const { title, format } = meaningOf(bare(name), tasks);
                const left = shown(own[name], format);
                const right = shown(theirs[name], format);
                // Values that look the same are no difference to point at.
                const better =
                  left === right ? null : betterOf(own[name], theirs[name], tasks.metric(bare(name))?.better);
                return (
                  <tr key={name}>
                    <th scope="row">{title}</th>
                    <td className="num">{emphasized(left, better === "first")}</td>
                    <td className="num">{emphasized(right, better === "second")}</td>
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
