import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { client, unwrap } from "@/api/client";
import { jobKey } from "@/api/queries";
import { isTerminal, type Job } from "@/api/types";
import { isolated } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { Button, ButtonLink } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { useToast } from "@/ui/Toast";
import { BaselineAction, hasBaseline } from "./BaselineAction";
import { ForkDialog } from "./ForkDialog";
import { RetryDialog } from "./RetryDialog";

const path = (job: Job) => ({ params: { path: { job: job.id } } });

const VERBS = {
  pause: (job: Job) => unwrap(client.POST("/v1/jobs/{job}/pause", path(job))),
  resume: (job: Job) => unwrap(client.POST("/v1/jobs/{job}/resume", path(job))),
  retry: (job: Job) => unwrap(client.POST("/v1/jobs/{job}/retry", path(job))),
  cancel: (job: Job) => unwrap(client.POST("/v1/jobs/{job}/cancel", path(job))),
};
type Verb = keyof typeof VERBS;

const SAID: Record<Verb, string> = {
  pause: "Pausing: the job saves a checkpoint first.",
  resume: "Back in the queue; it continues from its last checkpoint.",
  retry: "Back in the queue for another try.",
  cancel: "Cancelling.",
};

/** The actions that the state allows. The service checks this too; here it only disables buttons that would be refused. */
function allowed({ state, intent }: Job): Verb[] {
  switch (state) {
    case "queued":
      return ["pause", "cancel"];
    case "running":
      if (intent === "cancel") return [];
      return intent === "pause" ? ["resume", "cancel"] : ["pause", "cancel"];
    case "paused":
      return ["resume", "cancel"];
    case "failed":
    case "cancelled":
      return ["retry"];
    case "succeeded":
      return [];
  }
}

export function JobActions({ job }: { job: Job }) {
  const [asking, setAsking] = useState<"cancel" | "fork" | "delete" | "retry" | null>(null);
  const [, navigate] = useLocation();
  const canWrite = useCanWrite();
  const queries = useQueryClient();
  const toast = useToast();
  const act = useMutation({
    mutationFn: (verb: Verb) => VERBS[verb](job),
    onSuccess: (changed, verb) => {
      queries.setQueryData(jobKey(changed), changed);
      toast.say(SAID[verb]);
    },
    onError: toast.fail,
    onSettled: () => setAsking(null),
  });
  const extend = useMutation({
    mutationFn: (maxSeconds: number | null) =>
      unwrap(client.POST("/v1/jobs/{job}/retry", { ...path(job), body: { max_seconds: maxSeconds } })),
    onSuccess: (changed) => {
      queries.setQueryData(jobKey(changed), changed);
      toast.say(SAID.retry);
    },
    onError: toast.fail,
    onSettled: () => setAsking(null),
  });
  const remove = useMutation({
    mutationFn: () => unwrap(client.DELETE("/v1/jobs/{job}", path(job))),
    onSuccess: () => {
      navigate("/jobs");
      queries.removeQueries({ queryKey: jobKey(job) });
      toast.say(`Deleted “${isolated(job.name)}”.`);
      return queries.invalidateQueries({ queryKey: ["jobs"] });
    },
    onError: toast.fail,
    onSettled: () => setAsking(null),
  });
  if (!canWrite) return <div className="job-actions" />;
  const verbs = allowed(job);
  return (
    <div className="job-actions">
      {verbs.includes("pause") && (
        <Button icon="pause" busy={act.isPending} onClick={() => act.mutate("pause")}>
          Pause
        </Button>
      )}
      {verbs.includes("resume") && (
        <Button icon="play" look="primary" busy={act.isPending} onClick={() => act.mutate("resume")}>
          Resume
        </Button>
      )}
      {verbs.includes("retry") && (
        <Button
          icon="retry"
          look="primary"
          busy={act.isPending}
          onClick={() => (job.failure?.code === "time_limit" ? setAsking("retry") : act.mutate("retry"))}
        >
          Retry
        </Button>
      )}
      {job.checkpoints > 0 && (
        <Button icon="fork" onClick={() => setAsking("fork")}>
          Fork
        </Button>
      )}
      {hasBaseline(job) && <BaselineAction job={job} />}
      {verbs.length === 0 && (
        <ButtonLink icon="copy" href={`/jobs/new?from=${job.id}`}>
          Run again
        </ButtonLink>
      )}
      {verbs.includes("cancel") && (
        <Button icon="stop" busy={act.isPending} onClick={() => setAsking("cancel")}>
          Cancel
        </Button>
      )}
      {isTerminal(job.state) && (
        <Button icon="trash" onClick={() => setAsking("delete")}>
          Delete
        </Button>
      )}
      {asking === "delete" && (
        <Confirm
          danger
          title={`Delete “${isolated(job.name)}”?`}
          action="Delete the job"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(null)}
        >
          Its checkpoints, exports, samples, curves and logs go for good, and their storage is freed. Jobs
          forked from it stay.
        </Confirm>
      )}
      {asking === "cancel" && (
        <Confirm
          danger
          title={`Cancel “${isolated(job.name)}”?`}
          action="Cancel the job"
          busy={act.isPending}
          onConfirm={() => act.mutate("cancel")}
          onClose={() => setAsking(null)}
        >
          It stops after its current step. Checkpoints and curves stay. To continue later, pause it instead.
        </Confirm>
      )}
      {asking === "retry" && (
        <RetryDialog
          job={job}
          busy={extend.isPending}
          onRetry={(maxSeconds) => extend.mutate(maxSeconds)}
          onClose={() => setAsking(null)}
        />
      )}
      {asking === "fork" && <ForkDialog job={job} onClose={() => setAsking(null)} />}
    </div>
  );
}
