import type { Estimate, JobPreview } from "@/api/types";
import { percent } from "@/lib/format";
import { Button } from "@/ui/Button";
import type { IconName } from "@/ui/Icon";
import { ErrorBox } from "@/ui/Notice";
import type { SpecTask } from "./useSpecTask";

type Task = Estimate | JobPreview;

/** How a task stands, in words. */
function standing(task: Task | undefined, phases: Record<string, string>): string {
  if (!task) return "Asking…";
  if (task.state === "queued") return `Queued: ${task.waiting_reason ?? "waits for a worker"}`;
  const share = task.phase_fraction === null ? "" : `, ${percent(task.phase_fraction)}`;
  return `${phases[task.phase ?? ""] ?? "Starting"}${share}…`;
}

interface TaskRowProps<T extends Task> {
  task: SpecTask<T>;
  icon: IconName;
  /** On the button: before, while it runs, and once there is a result. */
  words: [string, string, string];
  /** What is asked for, before anybody has asked. */
  hint: string;
  /** What a worker is at, by phase. */
  phases: Record<string, string>;
  cancel: string;
  valid: boolean;
}

/** The button that asks a worker about a job, and beside it how the answer stands. */
export function TaskRow<T extends Task>({ task, icon, words, hint, phases, cancel, valid }: TaskRowProps<T>) {
  const result = task.now?.result;
  return (
    <div className="estimate-row">
      <Button icon={icon} busy={task.running} disabled={!valid} onClick={task.ask}>
        {task.running ? words[1] : result ? words[2] : words[0]}
      </Button>
      {task.running ? (
        <>
          <span className="faint small truncate" role="status">
            {standing(task.now, phases)}
          </span>
          {task.cancel && (
            <Button
              small
              look="ghost"
              icon="close"
              aria-label={cancel}
              busy={task.cancelling}
              onClick={task.cancel}
            />
          )}
        </>
      ) : (
        !result && <span className="faint small">{hint}</span>
      )}
      {!task.running && result && task.stale && (
        <span className="faint small">Of the job before it was changed</span>
      )}
    </div>
  );
}

/** Why a task came to nothing, or could not be asked for. */
export function TaskFailure<T extends Task>({ task }: { task: SpecTask<T> }) {
  return (
    <>
      {!task.running && task.now?.failure && (
        <p className="field-error">
          {task.now.failure.message} {task.now.failure.hint}
        </p>
      )}
      {task.error && <ErrorBox error={task.error} />}
    </>
  );
}
