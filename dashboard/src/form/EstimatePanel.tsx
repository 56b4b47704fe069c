import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import { isTerminal, type Estimate, type EstimateResult } from "@/api/types";
import { bytes, compact, duration, integer, metric, percent } from "@/lib/format";
import { Button } from "@/ui/Button";
import { ErrorBox } from "@/ui/Notice";
import type { Document } from "./document";
import { asSpec } from "./useValidation";

const PHASES: Record<string, string> = {
  staging: "Fetching the data",
  preparing: "Preparing the data and timing steps",
  training: "Timing steps",
  saving: "Almost there",
};

function standing(estimate: Estimate | undefined): string {
  if (!estimate) return "Asking…";
  if (estimate.state === "queued") return `Queued: ${estimate.waiting_reason ?? "waits for a worker"}`;
  const share = estimate.phase_fraction === null ? "" : `, ${percent(estimate.phase_fraction)}`;
  return `${PHASES[estimate.phase ?? ""] ?? "Starting"}${share}…`;
}

const step = (seconds: number): string =>
  seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;

/** Of a whole job; a very short one is told as a step is. */
const whole = (seconds: number): string => (seconds < 10 ? step(seconds) : duration(seconds));

function Result({ result }: { result: EstimateResult }) {
  const { eta, step_seconds: pace, peak, largest_batch: largest } = result;
  const facts: [string, string, string?][] = [
    [
      "A step",
      step(pace.median),
      `${step(pace.low)} to ${step(pace.high)}; ${result.steps_timed} steps timed`,
    ],
    result.tokens_per_s === null
      ? ["Samples/s", metric(result.samples_per_s)]
      : ["Tokens/s", integer(result.tokens_per_s), `${metric(result.samples_per_s)} samples/s`],
    ["Peak memory", bytes(result.peak_memory_bytes), "Of the whole process on a CPU, of the device on a GPU"],
    ["Utilisation", percent(result.utilization, 1), `Of ${compact(peak.flops_per_s)}FLOP/s, ${peak.how}`],
  ];
  if (largest) facts.push(["Fit at once", `${integer(largest.samples)} samples`, largest.how]);
  return (
    <div className="estimate-result">
      <div className="estimate-eta num">
        <b>{whole(eta.seconds)}</b>
        <span className="faint small">
          for all of it, {whole(eta.low)} to {whole(eta.high)}
        </span>
      </div>
      <dl className="num">
        {facts.map(([name, value, more]) => (
          <div key={name} title={more}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="faint small">
        On {result.device_name}, {result.precision}
        {result.data_sampled ? "; a part of the data was prepared" : ""}.
      </p>
    </div>
  );
}

/** A few real steps on a worker, before anybody commits to all of them. */
export function EstimatePanel({ document, valid }: { document: Document; valid: boolean }) {
  const cache = useQueryClient();
  const [asked, setAsked] = useState<{ id: string; document: string } | null>(null);
  const now = JSON.stringify(document);
  const ask = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/jobs/estimate", {
          params: { header: { "idempotency-key": idempotencyKey() }, query: { largest_batch: true } },
          body: asSpec(document),
        }),
      ),
    onSuccess: (estimate) => setAsked({ id: estimate.id, document: now }),
  });
  const { data: estimate, error } = useQuery({
    ...queries.estimate(asked?.id ?? ""),
    enabled: asked !== null,
  });
  const cancel = useMutation({
    mutationFn: (id: string) =>
      unwrap(client.POST("/v1/estimates/{estimate}/cancel", { params: { path: { estimate: id } } })),
    onSuccess: (cancelled) => cache.setQueryData(queries.estimate(cancelled.id).queryKey, cancelled),
  });
  const running = ask.isPending || (asked !== null && !error && !(estimate && isTerminal(estimate.state)));
  const result = estimate?.result;
  return (
    <div className="estimate">
      <div className="estimate-row">
        <Button icon="gauge" busy={running} disabled={!valid} onClick={() => ask.mutate()}>
          {running ? "Estimating" : result ? "Estimate again" : "Estimate"}
        </Button>
        {running ? (
          <>
            <span className="faint small truncate" role="status">
              {standing(estimate)}
            </span>
            {asked && (
              <Button
                small
                look="ghost"
                icon="close"
                aria-label="Cancel the estimate"
                busy={cancel.isPending}
                onClick={() => cancel.mutate(asked.id)}
              />
            )}
          </>
        ) : (
          !result && <span className="faint small">A few real steps tell how long it takes.</span>
        )}
        {!running && result && asked?.document !== now && (
          <span className="faint small">Of the job before it was changed</span>
        )}
      </div>
      {!running && result && <Result result={result} />}
      {!running && estimate?.failure && (
        <p className="field-error">
          {estimate.failure.message} {estimate.failure.hint}
        </p>
      )}
      {(ask.error ?? error ?? cancel.error) && <ErrorBox error={ask.error ?? error ?? cancel.error} />}
    </div>
  );
}
