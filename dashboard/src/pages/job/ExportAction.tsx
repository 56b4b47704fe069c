import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Checkpoint, Export } from "@/api/types";
import { bytes } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { kind } from "@/shortJobs/kinds/export";
import { ShortJobFailure } from "@/shortJobs/ShortJobRow";
import { stateText, useShortJob } from "@/shortJobs/useShortJob";
import { Button, ButtonLink } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { useToast } from "@/ui/Toast";

/** The largest difference between the outputs of the export and of the checkpoint, as text. */
function Checked({ made }: { made: Export }) {
  const { check, architecture, opset } = made.result ?? {};
  if (!check) return null;
  return (
    <p className="faint small">
      {architecture}, opset {opset}. {check.runtime} computes the same to within{" "}
      <span className="num">{check.largest_difference.toExponential(1)}</span> on {check.inputs} batches of
      other sizes.
    </p>
  );
}

/** Exports a checkpoint as an ONNX file: submits the export, waits for it, and offers the download. */
export function ExportAction({ checkpoint, made }: { checkpoint: Checkpoint; made: Export | undefined }) {
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
          body: { format: "onnx" },
        }),
      ),
    subject: checkpoint.id,
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
          <b>ONNX</b>
          <p className="faint small" role="status">
            {running
              ? stateText(exporting)
              : ready
                ? `${bytes(made.bytes)}, opens with ONNX Runtime`
                : "One file for ONNX Runtime, batch and sequence of any size."}
          </p>
        </div>
        {ready ? (
          <div className="export-actions">
            {canWrite && (
              <Button icon="trash" aria-label="Delete the ONNX export" onClick={() => setAsking(true)} />
            )}
            <ButtonLink
              download
              icon="download"
              href={`/v1/exports/${made.id}/archive`}
              label="Download the ONNX export"
            >
              Download
            </ButtonLink>
          </div>
        ) : (
          <Button icon="upload" busy={running} onClick={exporting.ask}>
            {running ? "Exporting" : "Export"}
          </Button>
        )}
      </div>
      {ready && <Checked made={made} />}
      <ShortJobFailure shortJob={exporting} />
      {asking && made && (
        <Confirm
          danger
          title="Delete the ONNX export?"
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
