import { Link } from "wouter";
import type { Job } from "@/api/types";
import { integer, metric, NONE, percent } from "@/lib/format";
import { Name } from "@/ui/Name";

type Facts = NonNullable<Job["distillation"]>;
type Compared = Facts["alone"];

const MOST_MEASURES = 3;

/** A student beside its teacher, and beside the same student without a teacher where one was trained. */
export function Distilled({ job, facts }: { job: Job; facts: Facts }) {
  const own = Object.keys(job.latest).filter((name) => name.startsWith("eval/"));
  const measures = own.filter((name) => !name.startsWith("eval/ema_")).slice(0, MOST_MEASURES);
  const columns = [facts.teacher?.values, job.latest, facts.alone?.values];
  return (
    <section className="side-part">
      <h3>Distillation</h3>
      <table className="num small" aria-label="Student beside its teacher">
        <thead>
          <tr>
            <th scope="col" />
            <th scope="col">
              <To compared={facts.teacher} name="Teacher" />
            </th>
            <th scope="col">Student</th>
            <th scope="col">
              <To compared={facts.alone} name="Alone" />
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Parameters</th>
            <td>{facts.teacher_parameters === null ? NONE : integer(facts.teacher_parameters)}</td>
            <td>{integer(facts.parameters)}</td>
            <td>{facts.alone ? integer(facts.parameters) : NONE}</td>
          </tr>
          {measures.map((name) => (
            <tr key={name}>
              <th scope="row">{name.replace("eval/", "").replaceAll("_", " ")}</th>
              {columns.map((values, place) => (
                <td key={place}>{metric(values?.[name])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="faint small num">
        {facts.size_ratio === null
          ? "The teacher was deleted."
          : `${percent(facts.size_ratio)} of the teacher's parameters`}
        {facts.speed_ratio !== null && ` · ${metric(facts.speed_ratio)} times as fast in training`}
        {!facts.alone && " · the same student was not trained without a teacher"}
      </p>
    </section>
  );
}

function To({ compared, name }: { compared: Compared; name: string }) {
  if (!compared?.id) return <>{name}</>;
  return (
    <Link href={`/jobs/${compared.id}`} className="link" title={compared.name}>
      <Name>{name}</Name>
    </Link>
  );
}
