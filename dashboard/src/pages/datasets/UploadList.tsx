import { ApiError } from "@/api/client";
import { bytes, percent } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import type { Upload, Uploads } from "./useUploads";

function State({ upload }: { upload: Upload }) {
  const { state, sent, file, error } = upload;
  if (state === "failed") {
    const requestId = error instanceof ApiError ? error.problem.request_id : null;
    return (
      <p className="field-error" role="alert">
        {error instanceof Error ? error.message : String(error)}
        {requestId && <span className="faint"> · request {requestId}</span>}
      </p>
    );
  }
  const share = file.size === 0 ? 0 : Math.min(1, sent / file.size);
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={file.name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <i style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}

function word({ state, sent, file }: Upload): string {
  if (state === "stored") return "stored";
  if (state === "failed") return "not stored";
  if (state === "waiting") return "waiting";
  return sent >= file.size ? "checking…" : percent(sent / file.size);
}

export function UploadList({ uploads }: { uploads: Uploads }) {
  if (uploads.list.length === 0) return null;
  return (
    <ul className="uploads card">
      {uploads.list.map((upload) => (
        <li key={upload.id} className={`upload upload-${upload.state}`}>
          <Icon name={upload.state === "stored" ? "check" : upload.state === "failed" ? "alert" : "upload"} />
          <div className="upload-body">
            <div className="upload-name">
              <Name>{upload.file.name}</Name>
              <span className="faint small num nowrap">
                {bytes(upload.file.size)} · {word(upload)}
              </span>
            </div>
            <State upload={upload} />
          </div>
          {upload.state === "failed" && (
            <Button
              small
              icon="retry"
              aria-label={`Try ${upload.file.name} again`}
              onClick={() => uploads.retry(upload.id)}
            />
          )}
          {upload.state !== "stored" && (
            <Button
              small
              look="ghost"
              icon="close"
              aria-label={`Leave ${upload.file.name} out`}
              onClick={() => uploads.remove(upload.id)}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
