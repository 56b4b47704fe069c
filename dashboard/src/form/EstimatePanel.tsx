import { client, idempotencyKey, unwrap } from "@/api/client";
import type { EstimateResult } from "@/api/types";
import { epochNumber } from "@/lib/epochs";
import { bytes, compact, duration, integer, metric, parameters, percent } from "@/lib/format";
import { kind } from "@/shortJobs/kinds/estimate";
import { ShortJobFailure, ShortJobRow } from "@/shortJobs/ShortJobRow";
import { useShortJob } from "@/shortJobs/useShortJob";
import type { Document } from "./document";
import { asSpec } from "./useValidation";

const step = (seconds: number): string =>
  seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;

/** Duration of a whole job; a very short one has the precision of a step. */
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
    ["Parameters", parameters(result.parameters, result.trainable_parameters)],
    ["Utilisation", percent(result.utilization, 1), `Of ${compact(peak.flops_per_s)}FLOP/s, ${peak.how}`],
  ];
  if (typeof result.steps === "number") {
    const epochs = result.steps_per_epoch
      ? ` (${epochNumber(result.steps / result.steps_per_epoch)} epochs)`
      : "";
    facts.push(["Steps", `${result.data_sampled ? "about " : ""}${integer(result.steps)}${epochs}`]);
  }
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

/** An estimate by a few real steps on a worker, before the job is submitted. */
export function EstimatePanel({ document, valid }: { document: Document; valid: boolean }) {
  const shortJob = useShortJob(kind, {
    subject: JSON.stringify(document),
    ask: () =>
      unwrap(
        client.POST("/v1/jobs/estimate", {
          params: { header: { "idempotency-key": idempotencyKey() }, query: { largest_batch: true } },
          body: asSpec(document),
        }),
      ),
  });
  return (
    <div className="estimate">
      <ShortJobRow
        shortJob={shortJob}
        icon="gauge"
        words={["Estimate", "Estimating", "Estimate again"]}
        hint="A few real steps tell how long it takes."
        valid={valid}
      />
      {!shortJob.running && shortJob.now?.result && <Result result={shortJob.now.result} />}
      <ShortJobFailure shortJob={shortJob} />
    </div>
  );
}
