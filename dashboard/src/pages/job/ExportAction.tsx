import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Checkpoint, Export } from "@/api/types";
import { meaningOf } from "@/charts/metrics";
import { bytes, metric, percent } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { kind } from "@/shortJobs/kinds/export";
import { ShortJobFailure } from "@/shortJobs/ShortJobRow";
import { stateText, useShortJob } from "@/shortJobs/useShortJob";
import { useTasks } from "@/tasks/context";
import type { Task } from "@/tasks/tasks";
import { Button, ButtonLink } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { useToast } from "@/ui/Toast";

type Format = Task["exports"][number];

/** The largest difference between the outputs of the export and of the checkpoint, and what rounding costs, as text. */
function Checked({ made }: { made: Export }) {
  const tasks = useTasks();
  const { check, architecture, opset, costs } = made.result ?? {};
  if (!check) return null;
  const costText = ({ name, original, exported }: NonNullable<typeof costs>[number]): string => {
    const { title, format } = meaningOf(name, tasks);
    const [before, after] = [original, exported].map((value) =>
      format === "percent" && value !== null ? percent(value, 1) : metric(value),
    );
    return `${title} ${before} → ${after}`;
  };
  return (
    <>
      <p className="faint small">
        {architecture}
        {typeof opset === "number" && `, opset ${String(opset)}`}. {check.runtime}{" "}
        {check.tolerance === null ? "differs by at most" : "computes the same to within"}{" "}
        <span className="num">{check.largest_difference.toExponential(1)}</span> on {check.inputs} batches of
        other sizes.
      </p>
      {costs && costs.length > 0 && (
        <p className="faint small num">Held-out split, before and after: {costs.map(costText).join("; ")}</p>
      )}
    </>
  );
}

/** A checkpoint in each format that its task is exported in. */
export function Exports({
  checkpoint,
  formats,
  made,
}: {
  checkpoint: Checkpoint;
  formats: Format[];
  made: Export[];
}) {
  return formats.map((format) => (
    <ExportAction
      key={format.format}
      checkpoint={checkpoint}
      format={format}
      made={made.find((one) => one.format === format.format)}
    />
  ));
}

interface Props {
  checkpoint: Checkpoint;
  format: Format;
  /** The newest export in this format. */
  made: Export | undefined;
}

/** Exports a checkpoint in one format: submits the export, waits for it, and offers the download. */
function ExportAction({ checkpoint, format, made }: Props) {
  const [asking, setAsking] = useState(false);
  const canWrite = useCanWrite();
  const cache = useQueryClient();
  const toast = useToast();
  const refresh = () => cache.invalidateQueries({ queryKey: queries.exportsOf(checkpoint.job).queryKey });
  const exporting = useShortJob(kind, {
    ask: () =>
      unwrap(
        client.POST("/v1/checkpoints/{checkpoint}/export", {
          params: { path: { checkpoint: checkpoint.id }, header: { "idempotency-key": idempotencyKey() } },
          body: { format: format.format as Export["format"] },
        }),
      ),
    subject: `${checkpoint.id} ${format.format}`,
    listed: made,
    onAsked: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: string) =>
      unwrap(client.DELETE("/v1/exports/{export}", { params: { path: { export: id } } })),
    onSuccess: refresh,
    onError: toast.fail,
    onSettled: () => setAsking(false),
  });
  const { running } = exporting;
  const ready = made?.state === "succeeded";
  return (
    <div className="export">
      <div className="export-row">
        <div>
          <b>{format.title}</b>
          <p className="faint small" role="status">
            {running
              ? stateText(exporting)
              : ready
                ? `${bytes(made.bytes)}, opens with ${format.library}`
                : format.summary}
          </p>
        </div>
        {ready ? (
          <div className="export-actions">
            {canWrite && (
              <Button
                icon="trash"
                aria-label={`Delete the ${format.title} export`}
                onClick={() => setAsking(true)}
              />
            )}
            <ButtonLink
              download
              icon="download"
              href={`/v1/exports/${made.id}/archive`}
              label={`Download the ${format.title} export`}
            >
              Download
            </ButtonLink>
          </div>
        ) : (
          <Button
            icon="upload"
            busy={running}
            aria-label={`Export as ${format.title}`}
            onClick={exporting.ask}
          >
            {running ? "Exporting" : "Export"}
          </Button>
        )}
      </div>
      {ready && <Checked made={made} />}
      <ShortJobFailure shortJob={exporting} />
      {asking && made && (
        <Confirm
          danger
          title={`Delete the ${format.title} export?`}
          action="Delete the export"
          busy={remove.isPending}
          onConfirm={() => remove.mutate(made.id)}
          onClose={() => setAsking(false)}
        >
          {bytes(made.bytes)} are freed. The checkpoint stays, and can be exported again.
        </Confirm>
      )}
    </div>
  );
}
