/** What a page shows if there is no data, or after an error. */

import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import { Button } from "./Button";
import { CopyButton } from "./Copy";
import { Icon, type IconName } from "./Icon";

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** The server's message, the errors of single fields, and the request id for the log. */
export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiError ? error.problem : null;
  const detail = problem?.detail ?? (error instanceof Error ? error.message : String(error));
  return (
    <div className="notice notice-error" role="alert">
      <Icon name="alert" />
      <div className="notice-body">
        <p>{detail}</p>
        {problem?.errors && problem.errors.length > 0 && (
          <ul className="notice-list">
            {problem.errors.map((item) => (
              <li key={`${item.param}${item.code}`}>
                {item.param && <code>{item.param}</code>} {item.message}
              </li>
            ))}
          </ul>
        )}
        {problem && (problem.request_id ?? problem.code) && (
          <p className="notice-meta">
            <code>{problem.code}</code>
            {problem.request_id && (
              <>
                {" · request "}
                <code>{problem.request_id}</code>
                <CopyButton text={problem.request_id} label="Copy the request id" />
              </>
            )}
          </p>
        )}
      </div>
      {retry && (
        <Button small icon="retry" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Grey placeholders of the size of the text to come. */
export function Skeleton({ width = "100%", height = 14 }: { width?: number | string; height?: number }) {
  return <span className="skeleton" style={{ width, height }} aria-hidden="true" />;
}
