import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useLocation } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Job } from "@/api/types";
import { integer, isolated } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { ErrorBox } from "@/ui/Notice";

function parse(text: string): { value: Record<string, unknown> } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return { problem: "This must be a JSON object." };
    return { value: value as Record<string, unknown> };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "This is not JSON." };
  }
}

type Scope = NonNullable<Job["parent"]>["scope"];

const SCOPES: [Scope, string, string][] = [
  ["all", "Go on with the same task", "All weights, the optimiser’s state and the step are taken over."],
  [
    "weights",
    "Begin the same task anew with its weights",
    "All weights are taken over, the optimiser and the schedule are fresh, and training begins at step 0: the next stage, on other data.",
  ],
  [
    "encoder",
    "Take its encoder into another task",
    "Only the encoder’s weights are taken over, and training begins at step 0. The form of a new job opens, in which you choose the task.",
  ],
];

/** Twice as much training, in what the job gives. */
function twice({ steps, epochs }: Pick<Job["spec"]["training"], "steps" | "epochs">) {
  return typeof steps === "number" ? { steps: 2 * steps } : { epochs: 2 * (epochs ?? 1) };
}

/** A new job from a checkpoint of this one: its spec with any part changed, or its encoder in another task. */
export function ForkDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const id = useId();
  const [, navigate] = useLocation();
  const checkpoints = useQuery(queries.checkpoints(job.id)).data?.data;
  const [checkpoint, setCheckpoint] = useState("");
  const [scope, setScope] = useState<Scope>("all");
  const [key] = useState(idempotencyKey);
  const [text, setText] = useState(() =>
    JSON.stringify({ name: `${job.name} (fork)`, training: twice(job.spec.training) }, null, 2),
  );
  const chosen = checkpoint || checkpoints?.[0]?.id;
  const parsed = parse(text);
  const problem = "problem" in parsed ? parsed.problem : null;
  const fork = useMutation({
    mutationFn: (changes: Record<string, unknown>) =>
      unwrap(
        client.POST("/v1/jobs/{job}/fork", {
          params: { path: { job: job.id }, header: { "idempotency-key": key } },
          body: { checkpoint: checkpoint || null, changes },
        }),
      ),
    onSuccess: (made) => navigate(`/jobs/${made.id}`),
  });
  return (
    <Dialog wide title={`Fork “${isolated(job.name)}”`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (scope === "encoder") navigate(`/jobs/new?from=${job.id}&encoder=${chosen}`);
          else if ("value" in parsed)
            fork.mutate(scope === "weights" ? { ...parsed.value, start: { scope } } : parsed.value);
        }}
      >
        <div>
          <label className="field-label" htmlFor={`${id}-checkpoint`}>
            Start from
          </label>
          <select
            id={`${id}-checkpoint`}
            className="input"
            value={checkpoint}
            onChange={(event) => setCheckpoint(event.target.value)}
          >
            <option value="">The newest checkpoint</option>
            {checkpoints?.map((item) => (
              <option key={item.id} value={item.id}>
                Step {integer(item.step)}
              </option>
            ))}
          </select>
        </div>
        <fieldset className="choices">
          <legend className="field-label">What to take over</legend>
          {SCOPES.map(([value, title, help]) => (
            <label key={value} className="check fork-scope">
              <input
                type="radio"
                name={`${id}-scope`}
                checked={scope === value}
                onChange={() => setScope(value)}
              />
              <span>
                {title}
                <span className="small faint">{help}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {scope !== "encoder" && (
          <div>
            <label className="field-label" htmlFor={`${id}-changes`}>
              Changes to the spec
            </label>
            <textarea
              id={`${id}-changes`}
              className="input mono"
              rows={8}
              spellCheck={false}
              aria-invalid={problem !== null}
              aria-describedby={`${id}-help`}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
            <p id={`${id}-help`} className={problem ? "field-error" : "help"}>
              {problem ?? "Merged over this job’s spec; null takes a field back to its default."}
            </p>
          </div>
        )}
        {fork.error && <ErrorBox error={fork.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>Close</Button>
          {scope === "encoder" ? (
            <Button look="primary" type="submit" icon="fork" disabled={!chosen}>
              Choose the task
            </Button>
          ) : (
            <Button
              look="primary"
              type="submit"
              icon="fork"
              busy={fork.isPending}
              disabled={problem !== null}
            >
              Start the fork
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
