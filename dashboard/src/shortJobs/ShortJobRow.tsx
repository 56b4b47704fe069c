import { Button } from "@/ui/Button";
import type { IconName } from "@/ui/Icon";
import { ErrorBox } from "@/ui/Notice";
import type { ShortJob } from "./kind";
import { stateText, type ShortJobState } from "./useShortJob";

interface ShortJobRowProps<T extends ShortJob> {
  shortJob: ShortJobState<T>;
  icon: IconName;
  /** Labels of the button: before, while it runs, and once there is a result. */
  words: [string, string, string];
  /** Description of the short job before it is submitted. */
  hint: string;
  valid: boolean;
}

/** The button that submits a short job, and the state of the short job beside it. */
export function ShortJobRow<T extends ShortJob>({ shortJob, icon, words, hint, valid }: ShortJobRowProps<T>) {
  const result = shortJob.now?.result;
  return (
    <div className="estimate-row">
      <Button icon={icon} busy={shortJob.running} disabled={!valid} onClick={shortJob.ask}>
        {shortJob.running ? words[1] : result ? words[2] : words[0]}
      </Button>
      {shortJob.running ? (
        <>
          <span className="faint small truncate" role="status">
            {stateText(shortJob)}
          </span>
          {shortJob.cancel && (
            <Button
              small
              look="ghost"
              icon="close"
              aria-label={`Cancel the ${shortJob.kind.name}`}
              busy={shortJob.cancelling}
              onClick={shortJob.cancel}
            />
          )}
        </>
      ) : (
        !result && <span className="faint small">{hint}</span>
      )}
      {!shortJob.running && result && shortJob.stale && (
        <span className="faint small">Of the job before it was changed</span>
      )}
    </div>
  );
}

/** Why a short job failed, or could not be submitted. */
export function ShortJobFailure<T extends ShortJob>({ shortJob }: { shortJob: ShortJobState<T> }) {
  return (
    <>
      {!shortJob.running && shortJob.now?.failure && (
        <p className="field-error">
          {shortJob.now.failure.message} {shortJob.now.failure.hint}
        </p>
      )}
      {shortJob.error && <ErrorBox error={shortJob.error} />}
    </>
  );
}
