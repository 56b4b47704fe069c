import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { DatasetDetail } from "@/api/types";
import { isolated } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { Button, ButtonLink } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { useToast } from "@/ui/Toast";

export function DatasetActions({ dataset }: { dataset: DatasetDetail }) {
  const [asking, setAsking] = useState(false);
  const [, navigate] = useLocation();
  const canWrite = useCanWrite();
  const cache = useQueryClient();
  const toast = useToast();
  const path = { params: { path: { dataset: dataset.id } } };
  const complete = useMutation({
    mutationFn: () => unwrap(client.POST("/v1/datasets/{dataset}/complete", path)),
    onSuccess: (ready) => {
      cache.setQueryData(queries.dataset(ready.id).queryKey, ready);
      void cache.invalidateQueries({ queryKey: ["versions"] });
      return cache.invalidateQueries({ queryKey: queries.datasets.queryKey });
    },
    onError: toast.fail,
  });
  const remove = useMutation({
    mutationFn: () => unwrap(client.DELETE("/v1/datasets/{dataset}", path)),
    onSuccess: () => {
      navigate("/datasets");
      cache.removeQueries({ queryKey: queries.dataset(dataset.id).queryKey });
      void cache.invalidateQueries({ queryKey: ["versions"] });
      toast.say(`Deleted “${isolated(dataset.name)}”.`);
      return cache.invalidateQueries({ queryKey: queries.datasets.queryKey });
    },
    onError: toast.fail,
    onSettled: () => setAsking(false),
  });
  const [key] = useState(idempotencyKey);
  const extend = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/datasets/{dataset}/versions", {
          params: { ...path.params, header: { "idempotency-key": key } },
          body: {},
        }),
      ),
    onSuccess: (version) => {
      navigate(`/datasets/${version.id}`);
      void cache.invalidateQueries({ queryKey: ["versions"] });
      return cache.invalidateQueries({ queryKey: queries.datasets.queryKey });
    },
    onError: toast.fail,
  });
  if (!canWrite) return null;
  return (
    <>
      <Button icon="trash" onClick={() => setAsking(true)}>
        Delete
      </Button>
      {dataset.state === "open" ? (
        <Button
          look="primary"
          icon="check"
          busy={complete.isPending}
          disabled={(dataset.added ?? dataset).files === 0}
          onClick={() => complete.mutate()}
        >
          Complete
        </Button>
      ) : (
        <>
          <Button icon="upload" busy={extend.isPending} onClick={() => extend.mutate()}>
            Add a version
          </Button>
          <ButtonLink look="primary" icon="play" href={`/jobs/new?dataset=${dataset.id}`}>
            Train on this
          </ButtonLink>
        </>
      )}
      {asking && (
        <Confirm
          danger
          title={`Delete “${isolated(dataset.name)}”?`}
          action="Delete the dataset"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          Its files go, except those that other versions have too. Jobs that are done keep their curves and
          checkpoints, and cannot be run again.
        </Confirm>
      )}
    </>
  );
}
