import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Evaluation } from "@/api/types";
import { integer, isolated, NONE, percent, shortId } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { kind } from "@/shortJobs/kinds/evaluation";
import { follow } from "@/shortJobs/kinds";
import { Back } from "@/ui/Back";
import { Button } from "@/ui/Button";
import { Id } from "@/ui/Copy";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { SectionReport } from "./SectionReport";

const SPLITS: Record<Evaluation["split"], string> = {
  held_out: "held-out samples",
  train: "training samples",
  all: "all samples",
};

/** The page with the checkpoints of a job, or with the uploaded ones. */
function checkpointsOf(job: string | null): string {
  return job === null ? "/checkpoints" : `/jobs/${job}/checkpoints`;
}

function Facts({ evaluation }: { evaluation: Evaluation }) {
  const dataset = useQuery(queries.dataset(evaluation.dataset)).data;
  const facts: [string, React.ReactNode][] = [
    [
      "Checkpoint",
      <>
        <Link href={checkpointsOf(evaluation.job)}>Step {integer(evaluation.step)}</Link>{" "}
        <Id id={evaluation.checkpoint} short={shortId(evaluation.checkpoint)} />
      </>,
    ],
    [
      "Dataset",
      <>
        <Link href={`/datasets/${evaluation.dataset}`}>
          {dataset ? isolated(dataset.name) : shortId(evaluation.dataset)}
        </Link>
        , {SPLITS[evaluation.split]}
      </>,
    ],
  ];
  if (evaluation.against !== null)
    facts.splice(1, 0, [
      "Compared with",
      <>
        <Link href={checkpointsOf(evaluation.against_job)}>
          Step {evaluation.against_step === null ? NONE : integer(evaluation.against_step)}
        </Link>{" "}
        <Id id={evaluation.against} short={shortId(evaluation.against)} />
      </>,
    ]);
  if (evaluation.finished_at) facts.push(["Measured", <Time key="time" at={evaluation.finished_at} />]);
  if (evaluation.result) facts.push(["On", evaluation.result.device_name]);
  return (
    <dl className="evaluation-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Standing({ evaluation }: { evaluation: Evaluation }) {
  const cache = useQueryClient();
  const cancel = useMutation({
    mutationFn: kind.cancel,
    onSuccess: (cancelled) => cache.setQueryData(follow(kind, cancelled.id).queryKey, cancelled),
  });
  if (evaluation.failure)
    return (
      <div className="notice notice-error" role="alert">
        <div className="notice-body">
          <p>
            {evaluation.failure.message} {evaluation.failure.hint}
          </p>
        </div>
      </div>
    );
  if (evaluation.state === "cancelled") return <p className="muted">It was cancelled.</p>;
  const share = evaluation.phase_fraction;
  const what =
    evaluation.state === "queued"
      ? `Queued: ${evaluation.waiting_reason ?? "waits for a worker"}`
      : `${evaluation.phase ? kind.phases[evaluation.phase] : "Starting"}${share === null ? "" : `, ${percent(share)}`}…`;
  return (
    <div className="evaluation-standing">
      <span role="status">{what}</span>
      <Button small icon="close" busy={cancel.isPending} onClick={() => cancel.mutate(evaluation.id)}>
        Cancel
      </Button>
      {cancel.error && <ErrorBox error={cancel.error} />}
    </div>
  );
}

/** The report of an evaluation, laid out so that it can be printed. */
export function EvaluationPage({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(follow(kind, id));
  useTitle("Evaluation");
  if (error && !data)
    return (
      <div className="page">
        <ErrorBox error={error} retry={() => void refetch()} />
      </div>
    );
  const evaluation = data as Evaluation | undefined;
  if (!evaluation)
    return (
      <div className="page">
        <Skeleton width="100%" height={220} />
      </div>
    );
  const { result } = evaluation;
  return (
    <article className="page page-narrow evaluation">
      <Back href={checkpointsOf(evaluation.job)}>Checkpoints</Back>
      <div className="page-head">
        <h1>Evaluation</h1>
        {result && (
          <div className="evaluation-actions">
            <a className="button" href={`/v1/evaluations/${evaluation.id}`} target="_blank" rel="noreferrer">
              JSON
            </a>
            <Button onClick={() => window.print()}>Print</Button>
          </div>
        )}
      </div>
      <Facts evaluation={evaluation} />
      {!result && <Standing evaluation={evaluation} />}
      {result?.sections.map((section) => (
        <SectionReport key={section.name} section={section} compared={evaluation.against !== null} />
      ))}
      {result && (
        <p className="faint small">
          Intervals: {percent(result.resampling.level, 1)} bootstrap, {integer(result.resampling.resamples)}{" "}
          resamples, seed {result.resampling.seed}.
        </p>
      )}
    </article>
  );
}
