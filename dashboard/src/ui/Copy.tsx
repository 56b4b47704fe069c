import { useEffect, useState } from "react";
import { Icon, type IconName } from "./Icon";

async function write(text: string): Promise<void> {
  // The clipboard's own interface exists only on https and localhost; a service in a local network is often neither.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way where the page is not a secure context
  document.execCommand("copy");
  area.remove();
}

interface CopyButtonProps {
  text: string;
  label: string;
  small?: boolean;
  icon?: IconName;
}

/** Copies a text, and confirms it for a moment. */
export function CopyButton({ text, label, small = true, icon = "copy" }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className={`copy ${small ? "" : "copy-large"}`}
      aria-label={copied ? "Copied" : label}
      title={copied ? "Copied" : label}
      onClick={() => void write(text).then(() => setCopied(true))}
    >
      <Icon name={copied ? "check" : icon} />
    </button>
  );
}

/** A shortened id with a button that copies the whole id. */
export function Id({ id, short }: { id: string; short: string }) {
  return (
    <span className="id nowrap">
      <code title={id}>{short}</code>
      <CopyButton text={id} label={`Copy ${id}`} />
    </span>
  );
}

/** A block of code with a copy button. */
export function CodeBlock({ code, label, wrap = false }: { code: string; label: string; wrap?: boolean }) {
  return (
    <div className="code-block">
      <pre className={wrap ? "wrap" : undefined}>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must be focusable */}
        <code tabIndex={0} aria-label={label}>
          {code}
        </code>
      </pre>
      <CopyButton text={code} label={`Copy ${label}`} small={false} />
    </div>
  );
}
