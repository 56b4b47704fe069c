import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Link, useLocation } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Checkpoint, Evaluation } from "@/api/types";
import { integer, isolated } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { ErrorBox } from "@/ui/Notice";
import { Time } from "@/ui/Time";

type Split = Evaluation["split"];

const SPLITS: [Split, string][] = [
  ["held_out", "Its held-out samples"],
  ["train", "Its training samples"],
  ["all", "All samples"],
];

interface DialogProps {
  checkpoint: Checkpoint;
  modality: string | undefined;
  onClose: () => void;
}

/** Asks for an evaluation, and goes to its page. */
function EvaluateDialog({ checkpoint, modality, onClose }: DialogProps) {
  const id = useId();
  const [, navigate] = useLocation();
  const cache = useQueryClient();
  const datasets = useInfiniteQuery(queries.datasets).data?.pages.flatMap((page) => page.data);
  const siblings = useQuery(queries.checkpoints(checkpoint.job)).data?.data;
  const [dataset, setDataset] = useState("");
  const [split, setSplit] = useState<Split>("held_out");
  const [against, setAgainst] = useState("");
  const [key, setKey] = useState(idempotencyKey);
  const change =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setKey(idempotencyKey());
    };
  const ask = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/evaluations", {
          params: { header: { "idempotency-key": key } },
          body: {
            checkpoint: checkpoint.id,
            dataset: dataset || null,
            against: against.trim() || null,
            split,
            probes: true,
            resamples: 1000,
            level: 0.95,
            seed: 0,
          },
        }),
      ),
    onSuccess: async (asked) => {
      await cache.invalidateQueries({ queryKey: queries.evaluationsOf(checkpoint.job).queryKey });
      navigate(`/evaluations/${asked.id}`);
    },
  });
  return (
    <Dialog title={`Evaluate step ${integer(checkpoint.step)}`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        <div>
          <label className="field-label" htmlFor={`${id}-dataset`}>
            On the dataset
          </label>
          <select
            id={`${id}-dataset`}
            className="input"
            value={dataset}
            onChange={(event) => change(setDataset)(event.target.value)}
          >
            <option value="">The one that its job learned from</option>
            {datasets
              ?.filter((one) => one.state === "ready" && (!modality || one.modality === modality))
              .map((one) => (
                <option key={one.id} value={one.id}>
                  {isolated(one.name)}
                </option>
              ))}
          </select>
        </div>
        <div>
          <label className="field-label" htmlFor={`${id}-split`}>
            Samples
          </label>
          <select
            id={`${id}-split`}
            className="input"
            value={split}
            onChange={(event) =>
              change(setSplit)(SPLITS.find(([name]) => name === event.target.value)?.[0] ?? "held_out")
            }
          >
            {SPLITS.map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label className="field-label" htmlFor={`${id}-against`}>
            Compare with the checkpoint
          </label>
          <input
            id={`${id}-against`}
            className="input mono"
            list={`${id}-checkpoints`}
            placeholder="ckpt_…"
            spellCheck={false}
            autoComplete="off"
            aria-describedby={`${id}-against-help`}
            value={against}
            onChange={(event) => change(setAgainst)(event.target.value)}
          />
          <datalist id={`${id}-checkpoints`}>
            {siblings
              ?.filter((one) => one.id !== checkpoint.id)
              .map((one) => (
                <option key={one.id} value={one.id}>
                  Step {integer(one.step)}
                </option>
              ))}
          </datalist>
          <p id={`${id}-against-help`} className="help">
            Optional: the id of a checkpoint of any job on the same kind of data. Both are measured on the
            same samples.
          </p>
        </div>
        {ask.error && <ErrorBox error={ask.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" type="submit" icon="gauge" busy={ask.isPending}>
            Evaluate
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Evaluations of a checkpoint, and the button that asks for a further one. */
export function EvaluateAction({ checkpoint, modality }: Omit<DialogProps, "onClose">) {
  const [asking, setAsking] = useState(false);
  const canWrite = useCanWrite();
  const made = useQuery(queries.evaluationsOf(checkpoint.job)).data?.data;
  const own = made?.filter((one) => one.checkpoint === checkpoint.id) ?? [];
  return (
    <div className="export">
      <div className="export-row">
        <div>
          <b>Evaluation</b>
          <p className="faint small">
            Measured on a dataset with confidence intervals, or compared with another checkpoint.
          </p>
        </div>
        {canWrite && (
          <Button icon="gauge" onClick={() => setAsking(true)}>
            Evaluate
          </Button>
        )}
      </div>
      {own.length > 0 && (
        <ul className="evaluation-links">
          {own.map((one) => (
            <li key={one.id}>
              <Link href={`/evaluations/${one.id}`} className="link">
                {SPLITS.find(([name]) => name === one.split)?.[1]}
                {one.against && ", compared with another checkpoint"}
              </Link>{" "}
              <span className="faint small">
                {one.state}, <Time at={one.finished_at ?? one.created_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {asking && (
        <EvaluateDialog checkpoint={checkpoint} modality={modality} onClose={() => setAsking(false)} />
      )}
    </div>
  );
}
