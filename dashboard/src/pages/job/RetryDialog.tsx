import { useState } from "react";
import type { Job } from "@/api/types";
import { duration, isolated } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";

interface Props {
  job: Job;
  busy: boolean;
  /** Seconds over all attempts; null for no limit. */
  onRetry: (maxSeconds: number | null) => void;
  onClose: () => void;
}

/** Retries a job that has reached its time limit, with a larger one. */
export function RetryDialog({ job, busy, onRetry, onClose }: Props) {
  const before = job.spec.resources.max_seconds ?? null;
  const [text, setText] = useState(before === null ? "" : String(2 * before));
  const seconds = text.trim() === "" ? null : Number(text);
  const valid = seconds === null || (Number.isFinite(seconds) && seconds > job.seconds_used);
  return (
    <Dialog title={`Give “${isolated(job.name)}” more time`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) onRetry(seconds);
        }}
      >
        <p className="muted">
          It has used {duration(job.seconds_used)} and goes on from its last checkpoint.
        </p>
        <label className="field">
          <span>Seconds in all attempts; empty for no limit</span>
          <input
            className="input num"
            inputMode="numeric"
            value={text}
            aria-invalid={!valid}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        {!valid && (
          <p className="field-error">More than the {Math.ceil(job.seconds_used)} seconds that it has used.</p>
        )}
        <div className="dialog-actions">
          <Button onClick={onClose}>Leave it</Button>
          <Button look="primary" type="submit" busy={busy} disabled={!valid}>
            Retry
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
