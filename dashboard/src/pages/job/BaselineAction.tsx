import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import type { Job } from "@/api/types";
import { useToast } from "@/ui/Toast";
import { Button } from "@/ui/Button";

/** Longest name of a job. */
const LONGEST = 200;
const SUFFIX = " (from random initialisation)";

/**
 * Whether pretraining helped: the same spec, seed and data once more, from random initialisation. Offered for jobs that took
 * the encoder of a checkpoint.
 */
export const hasBaseline = (job: Job): boolean => job.spec.start?.scope === "encoder";

/** Where the baseline of a job starts: a tokenizer that comes from the checkpoint is taken from there again. */
export const baselineStart = ({ spec }: Pick<Job, "spec">): Job["spec"]["start"] =>
  spec.start && spec.data.tokenizer.kind === "checkpoint" ? { ...spec.start, scope: "tokenizer" } : null;

export function BaselineAction({ job }: { job: Job }) {
  const [, navigate] = useLocation();
  const [key] = useState(idempotencyKey);
  const toast = useToast();
  const submit = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/jobs", {
          params: { header: { "idempotency-key": key } },
          body: {
            ...job.spec,
            dataset: job.dataset,
            start: baselineStart(job),
            name: `${job.name.slice(0, LONGEST - SUFFIX.length)}${SUFFIX}`,
          },
        }),
      ),
    onSuccess: (made) => navigate(`/compare/${job.id}/${made.id}`),
    onError: toast.fail,
  });
  return (
    <Button icon="gauge" busy={submit.isPending} onClick={() => submit.mutate()}>
      Did pretraining help?
    </Button>
  );
}
