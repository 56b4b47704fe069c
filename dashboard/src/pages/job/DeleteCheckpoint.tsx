import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Checkpoint } from "@/api/types";
import { bytes, integer } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { useToast } from "@/ui/Toast";

/** If the checkpoint is in use, the service refuses and names what uses it. */
export function DeleteCheckpoint({ checkpoint }: { checkpoint: Checkpoint }) {
  const [asking, setAsking] = useState(false);
  const canWrite = useCanWrite();
  const cache = useQueryClient();
  const toast = useToast();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(
        client.DELETE("/v1/checkpoints/{checkpoint}", { params: { path: { checkpoint: checkpoint.id } } }),
      ),
    onSuccess: () => {
      toast.say(`Deleted the checkpoint of step ${integer(checkpoint.step)}.`);
      return Promise.all([
        cache.invalidateQueries({ queryKey: queries.checkpoints(checkpoint.job).queryKey }),
        cache.invalidateQueries({ queryKey: queries.job(checkpoint.job).queryKey }),
      ]);
    },
    onError: toast.fail,
    onSettled: () => setAsking(false),
  });
  if (!canWrite) return null;
  return (
    <>
      <Button icon="trash" onClick={() => setAsking(true)}>
        Delete
      </Button>
      {asking && (
        <Confirm
          danger
          title={`Delete the checkpoint of step ${integer(checkpoint.step)}?`}
          action="Delete the checkpoint"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          {bytes(checkpoint.bytes)} are freed for good. Its exports stay.
        </Confirm>
      )}
    </>
  );
}
