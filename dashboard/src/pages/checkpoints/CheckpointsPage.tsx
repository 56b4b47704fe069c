import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { UploadedCheckpoint } from "@/api/types";
import { fineTuningTasks } from "@/form/start";
import { bytes, shortId } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { useTitle } from "@/lib/title";
import { Playground } from "@/playground/Playground";
import { useTasks } from "@/tasks/context";
import { Button, ButtonLink } from "@/ui/Button";
import { CodeBlock, Id } from "@/ui/Copy";
import { Confirm } from "@/ui/Dialog";
import { ModelCard } from "@/ui/ModelCard";
import { Name } from "@/ui/Name";
import { Empty, ErrorBox } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { useToast } from "@/ui/Toast";
import { UploadModel } from "./UploadModel";

function Remove({ checkpoint }: { checkpoint: UploadedCheckpoint }) {
  const [asking, setAsking] = useState(false);
  const cache = useQueryClient();
  const toast = useToast();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(
        client.DELETE("/v1/checkpoints/{checkpoint}", { params: { path: { checkpoint: checkpoint.id } } }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: queries.uploadedCheckpoints.queryKey }),
    onError: toast.fail,
    onSettled: () => setAsking(false),
  });
  return (
    <>
      <Button small icon="trash" onClick={() => setAsking(true)}>
        Delete
      </Button>
      {asking && (
        <Confirm
          danger
          title="Delete the uploaded model?"
          action="Delete the model"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          {bytes(checkpoint.bytes)} are freed for good. Jobs that started from it stay.
        </Confirm>
      )}
    </>
  );
}

/** What the model is: its architecture and sizes; those of a ResNet are its stages. */
function network({ spec: { model } }: UploadedCheckpoint): string {
  if (model.depths && model.widths) return `${model.architecture}, stages of ${model.widths.join(", ")}`;
  return `${model.architecture}, ${model.layers} layers of ${model.hidden_size}`;
}

function Row({ checkpoint }: { checkpoint: UploadedCheckpoint }) {
  const canWrite = useCanWrite();
  const tasks = useTasks();
  const task = tasks.of(checkpoint.spec.task.kind);
  const [open, setOpen] = useState(false);
  const kinds = task?.predictions ?? [];
  return (
    <>
      <tr>
        <td className="cell-main">
          <Name>{checkpoint.name}</Name>{" "}
          <span className="hide-small">
            <Id id={checkpoint.id} short={shortId(checkpoint.id)} />
          </span>
        </td>
        <td className="hide-small">{network(checkpoint)}</td>
        <td className="hide-small">{task?.title ?? checkpoint.spec.task.kind}</td>
        <td className="cell-number hide-small">{bytes(checkpoint.bytes)}</td>
        <td className="cell-number hide-small">
          <Time at={checkpoint.created_at} />
        </td>
        <td className="cell-actions">
          <div className="model-actions">
            <ModelCard checkpoint={checkpoint.id} />
            {canWrite && (
              <ButtonLink small icon="play" href={`/jobs/new?checkpoint=${checkpoint.id}`}>
                New job
              </ButtonLink>
            )}
            {canWrite && fineTuningTasks(checkpoint.spec, tasks).length > 0 && (
              <ButtonLink small icon="fork" href={`/jobs/new?fine_tune=${checkpoint.id}`}>
                Fine-tune
              </ButtonLink>
            )}
            {kinds.length > 0 && (
              <Button small aria-expanded={open} onClick={() => setOpen(!open)}>
                Try out
              </Button>
            )}
            {canWrite && <Remove checkpoint={checkpoint} />}
          </div>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={6}>
            <Playground checkpoint={checkpoint.id} kinds={kinds} />
          </td>
        </tr>
      )}
    </>
  );
}

/** Models that were uploaded in the layout of `transformers`, for jobs to start from. */
export function CheckpointsPage() {
  useTitle("Models");
  const canWrite = useCanWrite();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.uploadedCheckpoints,
  );
  const all = data?.pages.flatMap((page) => page.data);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Models</h1>
      </div>
      {canWrite && <UploadModel />}
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {all?.length === 0 && (
        <Empty icon="fork" title="No uploaded models yet">
          <p className="muted">
            A job can go on with a model that was trained elsewhere. Checkpoints of jobs are on their pages.
          </p>
          <CodeBlock label="command" code="seedbed checkpoint upload DIRECTORY" />
        </Empty>
      )}
      {all && all.length > 0 && (
        <div className="table-card">
          <table className="table table-models">
            <thead>
              <tr>
                <th>Name</th>
                <th className="hide-small">Network</th>
                <th className="hide-small">Goes on with</th>
                <th className="cell-number hide-small">Size</th>
                <th className="cell-number hide-small">Uploaded</th>
                <th>
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map((checkpoint) => (
                <Row key={checkpoint.id} checkpoint={checkpoint} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && (
        <div className="pager">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Older
          </Button>
        </div>
      )}
    </div>
  );
}
