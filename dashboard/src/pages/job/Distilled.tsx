import { Link } from "wouter";
import type { Job } from "@/api/types";
import { meaningOf } from "@/charts/metrics";
import { integer, isolated, metric, NONE, percent, plain } from "@/lib/format";
import { bare, inOrder } from "@/pages/comparison";
import { useTasks } from "@/tasks/context";

type Facts = NonNullable<Job["distillation"]>;
type Compared = NonNullable<Facts["alone"]>;
type Values = Readonly<Record<string, number | null>>;

interface Column {
  title: string;
  compared: Compared | null;
  parameters: number | null;
  values: Values;
}

const MOST_MEASURES = 3;

/** Measures on held-out samples that show which network is better: those of the task first, then the loss. */
function measuresOf(job: Job, order: readonly string[]): string[] {
  const shown = Object.keys(job.latest).filter(
    (name) => name.startsWith("eval/") && order.includes(bare(name)),
  );
  return inOrder(shown, order).slice(0, MOST_MEASURES);
}

function Title({ title, compared }: Column) {
  if (!compared?.id) return <span title={compared ? isolated(compared.name) : undefined}>{title}</span>;
  return (
    <Link href={`/jobs/${compared.id}`} className="link" title={isolated(compared.name)}>
      {title}
    </Link>
  );
}

/** Sizes and speeds beside each other, and what the columns leave out. */
function remarks({ teacher, alone, size_ratio: size, speed_ratio: speed }: Facts): string[] {
  const moved = teacher && !teacher.same_data && Object.keys(teacher.values).length > 0;
  return [
    teacher ? "" : "The teacher was deleted.",
    size === null ? "" : `The student has ${percent(size)} of the teacher’s parameters.`,
    speed === null
      ? ""
      : `Alone, it trains ${plain(Number(speed.toPrecision(2)))} times as fast as the teacher did.`,
    alone ? "" : "No equal job without a teacher has succeeded.",
    moved ? "The teacher’s measures are of the held-out part of its own dataset." : "",
  ].filter(Boolean);
}

/** A student beside its teacher, and beside the same student without a teacher where one was trained. */
export function Distilled({ job, facts }: { job: Job; facts: Facts }) {
  const tasks = useTasks();
  const judging = (tasks.of(job.spec.task.kind)?.metrics ?? []).filter(({ better }) => better);
  const order = [...judging.filter(({ group }) => group === "task"), ...judging].map(({ name }) => name);
  const { teacher, alone } = facts;
  const columns: Column[] = [
    {
      title: "Teacher",
      compared: teacher,
      parameters: facts.teacher_parameters,
      values: teacher?.values ?? {},
    },
    { title: "Student", compared: null, parameters: facts.parameters, values: job.latest },
    ...(alone
      ? [{ title: "Alone", compared: alone, parameters: facts.parameters, values: alone.values }]
      : []),
  ];
  return (
    <section className="side-part distilled" aria-labelledby="distilled">
      <h3 id="distilled">Distillation</h3>
      <table className="num" aria-label="Student beside its teacher">
        <thead>
          <tr>
            <td />
            {columns.map((column) => (
              <th key={column.title} scope="col">
                <Title {...column} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Parameters</th>
            {columns.map(({ title, parameters }) => (
              <td key={title}>{parameters === null ? NONE : integer(parameters)}</td>
            ))}
          </tr>
          {measuresOf(job, order).map((name) => {
            const { title, format } = meaningOf(bare(name), tasks);
            return (
              <tr key={name}>
                <th scope="row">{title}</th>
                {columns.map((column) => {
                  const value = column.values[name];
                  const shown = format === "percent" && typeof value === "number";
                  return <td key={column.title}>{shown ? percent(value, 1) : metric(value)}</td>;
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className="faint small">{remarks(facts).join(" ")}</p>
    </section>
  );
}
