import { useMutation, useQueryClient } from "@tanstack/react-query";
import { client, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { DatasetDetail, DatasetFile } from "@/api/types";
import { bytes, integer, NONE } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { Button } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";
import { Name } from "@/ui/Name";
import { useToast } from "@/ui/Toast";
import { MODALITIES } from "./modality";

function RemoveButton({ dataset, file }: { dataset: string; file: DatasetFile }) {
  const cache = useQueryClient();
  const toast = useToast();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(
        client.DELETE("/v1/datasets/{dataset}/files/{name}", {
          params: { path: { dataset, name: file.name } },
        }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: queries.dataset(dataset).queryKey }),
    onError: toast.fail,
  });
  return (
    <Button
      small
      look="ghost"
      icon="trash"
      aria-label={`Remove ${file.name}`}
      title={`Remove ${file.name}`}
      busy={remove.isPending}
      onClick={() => remove.mutate()}
    />
  );
}

export function FileTable({ dataset }: { dataset: DatasetDetail }) {
  const canWrite = useCanWrite();
  if (dataset.file_list.length === 0) return <p className="faint">No files yet.</p>;
  return (
    <div className="table-card">
      <table className="table table-plain table-files">
        <thead>
          <tr>
            <th>Name</th>
            <th className="hide-small">Kind</th>
            <th className="cell-number hide-small">{MODALITIES[dataset.modality].samples}</th>
            <th className="cell-number">Size</th>
            <th className="cell-number">SHA-256</th>
          </tr>
        </thead>
        <tbody>
          {dataset.file_list.map((file) => (
            <tr key={file.name}>
              <td className="cell-main">
                <Name>{file.name}</Name>
                {file.inherited && <span className="cell-sub">of the parent</span>}
              </td>
              <td className="hide-small faint">{file.kind}</td>
              <td className="cell-number hide-small">{file.samples ? integer(file.samples) : NONE}</td>
              <td className="cell-number">{bytes(file.bytes)}</td>
              <td className="cell-number">
                <code className="faint hide-small">{file.sha256.slice(0, 8)}</code>
                <CopyButton text={file.sha256} label={`Copy the SHA-256 of ${file.name}`} />
                {dataset.state === "open" && canWrite && !file.inherited && (
                  <RemoveButton dataset={dataset.id} file={file} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
