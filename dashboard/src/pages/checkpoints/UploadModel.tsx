import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import { uploadCheckpointFile } from "@/api/upload";
import { bytes } from "@/lib/format";
import { Button } from "@/ui/Button";
import { ErrorBox } from "@/ui/Notice";
import { useToast } from "@/ui/Toast";

/** Every browser knows it; the types of React do not. */
const DIRECTORY = { webkitdirectory: "" };

/** The files that lie in the chosen folder itself, without hidden ones, and the folder's name. */
function modelIn(chosen: FileList): { name: string; files: File[] } {
  const files = [...chosen].filter(
    (file) => file.webkitRelativePath.split("/").length <= 2 && !file.name.startsWith("."),
  );
  return { name: files[0]?.webkitRelativePath.split("/")[0] ?? "", files };
}

/** Uploads the folder of a model, file by file, and has it checked as a whole. What cannot be used is deleted again. */
export function UploadModel() {
  const folder = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState<{ done: number; all: number } | null>(null);
  const cache = useQueryClient();
  const toast = useToast();
  const upload = useMutation({
    mutationFn: async ({ name, files }: { name: string; files: File[] }) => {
      const begun = await unwrap(
        client.POST("/v1/checkpoints", {
          params: { header: { "idempotency-key": idempotencyKey() } },
          body: { name: name || "model" },
        }),
      );
      const params = { path: { checkpoint: begun.id } };
      const all = files.reduce((sum, file) => sum + file.size, 0);
      const signal = new AbortController().signal;
      try {
        let before = 0;
        for (const file of files) {
          const onProgress = (now: number) => setSent({ done: before + now, all });
          await uploadCheckpointFile(begun.id, file, { onProgress, signal });
          before += file.size;
        }
        return await unwrap(client.POST("/v1/checkpoints/{checkpoint}/complete", { params }));
      } catch (error) {
        await client.DELETE("/v1/checkpoints/{checkpoint}", { params });
        throw error;
      }
    },
    onSuccess: (made) => {
      toast.say(`Uploaded ${made.name}.`);
      return cache.invalidateQueries({ queryKey: queries.uploadedCheckpoints.queryKey });
    },
    onSettled: () => setSent(null),
  });
  return (
    <div className="card upload-model">
      <p>
        Choose the folder that <code>save_pretrained</code> of transformers wrote: <code>config.json</code>,{" "}
        <code>*.safetensors</code>, <code>tokenizer.json</code>.
      </p>
      <p>
        <Button look="primary" icon="upload" busy={upload.isPending} onClick={() => folder.current?.click()}>
          Upload a model
        </Button>{" "}
        <span className="muted small" role="status">
          {sent && `${bytes(sent.done)} of ${bytes(sent.all)}`}
        </span>
      </p>
      {upload.error && <ErrorBox error={upload.error} />}
      <input
        ref={folder}
        type="file"
        {...DIRECTORY}
        multiple
        hidden
        aria-label="Choose the folder of a model"
        onChange={(event) => {
          if (event.target.files?.length) upload.mutate(modelIn(event.target.files));
          event.target.value = "";
        }}
      />
    </div>
  );
}
