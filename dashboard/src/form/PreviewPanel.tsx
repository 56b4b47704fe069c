import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { JobPreview, ShownThing } from "@/api/types";
import { integer } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { kind } from "@/shortJobs/kinds/preview";
import { ShortJobFailure, ShortJobRow } from "@/shortJobs/ShortJobRow";
import { useShortJob } from "@/shortJobs/useShortJob";
import type { Document } from "./document";
import { titleOf } from "./fields";
import { asSpec } from "./useValidation";

/** Number of pictures side by side in the side panel that are still large enough to recognise. */
const SAMPLES = 4;
const LATEST_STEP = 2 ** 31 - 1;

interface ThingProps {
  preview: JobPreview;
  thing: ShownThing;
}

function Picture({ preview, thing }: ThingProps) {
  const [large, setLarge] = useState(false);
  const source = `/v1/previews/${preview.id}/files/${encodeURIComponent(thing.name)}`;
  const title = titleOf(thing.name);
  const alt = `${title}: what the networks see of ${preview.samples} samples at step ${integer(preview.step)}`;
  return (
    <figure className="preview-thing">
      <figcaption>{title}</figcaption>
      <button type="button" title="Look closer" onClick={() => setLarge(true)}>
        <img src={source} alt={alt} />
      </button>
      {large && (
        <Dialog title={`${title}, step ${integer(preview.step)}`} onClose={() => setLarge(false)}>
          <img className="preview-large" src={source} alt={alt} />
          <div className="dialog-actions">
            <Button onClick={() => setLarge(false)}>Close</Button>
          </div>
        </Dialog>
      )}
    </figure>
  );
}

function Text({ preview, thing }: ThingProps) {
  const { data: text, error, refetch } = useQuery(queries.previewText(preview.id, thing.name));
  const title = `What the ${thing.name.replaceAll("_", " ")} reads`;
  return (
    <figure className="preview-thing">
      <figcaption>{title}</figcaption>
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it
        <pre className="mono" tabIndex={0} aria-label={title}>
          {text ?? <Skeleton width="60%" />}
        </pre>
      )}
    </figure>
  );
}

/** Shows the network inputs of some samples at a step, before the job is submitted. */
export function PreviewPanel({ document, valid }: { document: Document; valid: boolean }) {
  // As it is typed; what is no step yet counts as the first.
  const [typed, setTyped] = useState("1");
  const step = Math.min(LATEST_STEP, Math.max(1, Math.floor(Number(typed)) || 1));
  const id = useId();
  const shortJob = useShortJob(kind, {
    subject: JSON.stringify(document),
    ask: () =>
      unwrap(
        client.POST("/v1/jobs/preview", {
          params: { header: { "idempotency-key": idempotencyKey() }, query: { samples: SAMPLES, step } },
          body: asSpec(document),
        }),
      ),
  });
  const preview = shortJob.now;
  const pictures = preview?.result?.shown.some((thing) => thing.media_type === "image/png");
  return (
    <div className="estimate preview">
      <ShortJobRow
        shortJob={shortJob}
        icon="image"
        words={["Preview", "Previewing", "Preview again"]}
        hint="What the networks would see: crops, masks, turns."
        valid={valid}
      />
      {!shortJob.running && preview?.result && (
        <div className="preview-result">
          {preview.result.shown.map((thing) =>
            thing.media_type === "image/png" ? (
              <Picture key={thing.name} preview={preview} thing={thing} />
            ) : (
              <Text key={thing.name} preview={preview} thing={thing} />
            ),
          )}
          <p className="faint small">
            Step {integer(preview.step)}
            {pictures ? "; a column a sample, a row a view of it" : ""}.
          </p>
          <label className="preview-step small" htmlFor={id}>
            Step to look at
            <input
              id={id}
              className="input"
              type="number"
              inputMode="numeric"
              min={1}
              max={LATEST_STEP}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              onBlur={() => setTyped(String(step))}
              onKeyDown={(event) => {
                // Not to start the job, whose form this stands in.
                if (event.key === "Enter") {
                  event.preventDefault();
                  shortJob.ask();
                }
              }}
            />
          </label>
        </div>
      )}
      <ShortJobFailure shortJob={shortJob} />
    </div>
  );
}
