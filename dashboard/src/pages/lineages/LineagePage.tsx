import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { PlannedLineage, PlannedStage } from "@/api/types";
import { Forgetting } from "@/continual/Forgetting";
import { count, integer, isolated, percent, shortId } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { Back } from "@/ui/Back";
import { Button, ButtonLink } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { Id } from "@/ui/Copy";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { PHASES, ProgressBar, StateChip } from "@/ui/State";
import { Time } from "@/ui/Time";
import { useToast } from "@/ui/Toast";
import { LineageChip } from "./state";

const path = (lineage: PlannedLineage) => ({ params: { path: { lineage: lineage.id } } });

const nameOf = (stage: PlannedStage): string => stage.dataset_name ?? shortId(stage.dataset);

/** Of a stage that runs, how far it is; before its first step, what it does. */
function Standing({ stage }: { stage: PlannedStage }) {
  const { state, progress } = stage;
  if (state === "waiting") return <span className="faint">after stage {stage.position - 1}</span>;
  if (state === "deleted") return <span className="faint">its job was deleted</span>;
  if (progress === null) return null;
  const { phase, step, steps } = progress;
  const preparing = state === "running" && phase !== null && phase !== "training" && step === 0;
  return (
    <div className="stage-progress">
      <ProgressBar job={{ state, progress }} label={`Progress of stage ${stage.position}`} />
      <span className="faint small num">
        {preparing ? PHASES[phase] : steps === null ? integer(step) : `${integer(step)} of ${integer(steps)}`}
      </span>
    </div>
  );
}

function Stages({ lineage }: { lineage: PlannedLineage }) {
  return (
    <div className="table-card">
      <table className="table table-plain table-stages">
        <thead>
          <tr>
            <th>Stage</th>
            <th>Dataset</th>
            <th>State</th>
            <th>Progress</th>
            <th className="hide-small">Job</th>
          </tr>
        </thead>
        <tbody>
          {lineage.stages.map((stage) => (
            <tr key={stage.position}>
              <td className="num">
                {stage.job ? (
                  <Link
                    href={`/jobs/${stage.job}`}
                    className="link"
                    aria-label={`Job of stage ${stage.position}`}
                  >
                    {stage.position}
                  </Link>
                ) : (
                  stage.position
                )}
              </td>
              <td className="cell-main">
                {stage.dataset_name === null ? (
                  <Name>{nameOf(stage)}</Name>
                ) : (
                  <Link href={`/datasets/${stage.dataset}`} className="link">
                    <Name>{nameOf(stage)}</Name>
                  </Link>
                )}
              </td>
              <td>
                {stage.state === "waiting" || stage.state === "deleted" ? (
                  <span className="chip">{stage.state === "waiting" ? "Waiting" : "Deleted"}</span>
                ) : (
                  <StateChip job={{ state: stage.state, intent: null }} />
                )}
              </td>
              <td>
                <Standing stage={stage} />
              </td>
              <td className="hide-small">
                {stage.job && (
                  <Link href={`/jobs/${stage.job}`} className="link">
                    {shortId(stage.job)}
                  </Link>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Actions({ lineage }: { lineage: PlannedLineage }) {
  const [asking, setAsking] = useState<"cancel" | "delete" | null>(null);
  const [, navigate] = useLocation();
  const cache = useQueryClient();
  const toast = useToast();
  const changed = () => cache.invalidateQueries({ queryKey: ["lineage-plan", lineage.id] });
  const cancel = useMutation({
    mutationFn: () => unwrap(client.POST("/v1/lineages/{lineage}/cancel", path(lineage))),
    onSuccess: changed,
    onError: toast.fail,
    onSettled: () => setAsking(null),
  });
  const resume = useMutation({
    mutationFn: () => unwrap(client.POST("/v1/lineages/{lineage}/resume", path(lineage))),
    onSuccess: changed,
    onError: toast.fail,
  });
  const remove = useMutation({
    mutationFn: () => unwrap(client.DELETE("/v1/lineages/{lineage}", path(lineage))),
    onSuccess: () => {
      navigate("/lineages");
      return cache.invalidateQueries({ queryKey: queries.lineages.queryKey });
    },
    onError: toast.fail,
    onSettled: () => setAsking(null),
  });
  if (!useCanWrite()) return null;
  const first = lineage.stages.find(({ job }) => job !== null)?.job;
  return (
    <div className="job-actions">
      {(lineage.state === "stopped" || lineage.state === "cancelled") && (
        <Button icon="play" look="primary" busy={resume.isPending} onClick={() => resume.mutate()}>
          Resume
        </Button>
      )}
      {(lineage.state === "running" || lineage.state === "stopped") && (
        <Button icon="stop" onClick={() => setAsking("cancel")}>
          Cancel
        </Button>
      )}
      {first && (
        <ButtonLink icon="copy" href={`/lineages/new?from=${first}`}>
          New from this
        </ButtonLink>
      )}
      {lineage.state !== "running" && (
        <Button icon="trash" onClick={() => setAsking("delete")}>
          Delete
        </Button>
      )}
      {asking === "cancel" && (
        <Confirm
          danger
          title={`Cancel “${isolated(lineage.name)}”?`}
          action="Cancel the lineage"
          busy={cancel.isPending}
          onConfirm={() => cancel.mutate()}
          onClose={() => setAsking(null)}
        >
          The stage that runs stops after its current step, and no further one is submitted.
        </Confirm>
      )}
      {asking === "delete" && (
        <Confirm
          danger
          title={`Delete “${isolated(lineage.name)}”?`}
          action="Delete the lineage"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(null)}
        >
          The jobs of its stages stay, with their checkpoints and curves.
        </Confirm>
      )}
    </div>
  );
}

/** A lineage: its stages as they run, and the measures of each after every other one. */
export function LineagePage({ id }: { id: string }) {
  const [metric, setMetric] = useState<string>();
  const { data: lineage, error, refetch } = useQuery(queries.plannedLineage(id, metric));
  const tasks = useTasks();
  useTitle(lineage ? isolated(lineage.name) : "Lineage");
  if (error && !lineage)
    return (
      <div className="page">
        <ErrorBox error={error} retry={() => void refetch()} />
      </div>
    );
  if (!lineage)
    return (
      <div className="page">
        <Skeleton width="100%" height={420} />
      </div>
    );
  const done = lineage.stages.filter(({ state }) => state === "succeeded").length;
  const names = lineage.stages.flatMap((stage) =>
    stage.job === null ? [] : [{ job: stage.job, name: nameOf(stage) }],
  );
  return (
    <div className="page lineage">
      <Back href="/lineages">Lineages</Back>
      <div className="page-head">
        <div className="lineage-title">
          <h1 className="whole-name" dir="auto">
            {isolated(lineage.name)}
          </h1>
          <p className="lineage-facts">
            <LineageChip state={lineage.state} />
            <span>{tasks.of(lineage.task)?.title ?? lineage.task}</span>
            <span>
              {done} of {count(lineage.stages.length, "stage")} ({percent(done / lineage.stages.length)})
            </span>
            <Time at={lineage.created_at} />
            <Id id={lineage.id} short={shortId(lineage.id)} />
          </p>
        </div>
        <Actions lineage={lineage} />
      </div>
      {error && <ErrorBox error={error} />}
      {lineage.stop && (
        <div className="notice notice-warning" role="status">
          <Icon name="alert" />
          <div className="notice-body">
            <p>It has stopped: {lineage.stop.message}.</p>
          </div>
        </div>
      )}
      <Stages lineage={lineage} />
      {lineage.forgetting && <Forgetting found={lineage.forgetting} stages={names} onMetric={setMetric} />}
    </div>
  );
}
