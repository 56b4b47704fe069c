/** Short messages about the results of actions, in a corner of the page; screen readers announce them. */

import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from "react";
import { ApiError } from "@/api/client";
import { Icon } from "./Icon";

interface Toast {
  id: number;
  kind: "good" | "bad";
  text: string;
  meta?: string;
}

interface Toaster {
  say: (text: string) => void;
  fail: (error: unknown) => void;
}

const Context = createContext<Toaster | null>(null);
const SHOWN_MS = { good: 4000, bad: 9000 };

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const next = useRef(0);
  const dismiss = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const add = useCallback(
    (toast: Omit<Toast, "id">) => {
      next.current += 1;
      const id = next.current;
      setToasts((all) => [...all.slice(-3), { ...toast, id }]);
      setTimeout(() => dismiss(id), SHOWN_MS[toast.kind]);
    },
    [dismiss],
  );
  const toaster = useMemo<Toaster>(
    () => ({
      say: (text) => add({ kind: "good", text }),
      fail: (error) => {
        const requestId = error instanceof ApiError ? error.problem.request_id : null;
        const text = error instanceof Error ? error.message : String(error);
        add({ kind: "bad", text, ...(requestId && { meta: `request ${requestId}` }) });
      },
    }),
    [add],
  );
  return (
    <Context.Provider value={toaster}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`toast toast-${toast.kind}`}>
            <Icon name={toast.kind === "good" ? "check" : "alert"} />
            <div>
              {toast.text}
              {toast.meta && <div className="faint small mono">{toast.meta}</div>}
            </div>
            <button type="button" className="copy" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </Context.Provider>
  );
}

export function useToast(): Toaster {
  const toaster = useContext(Context);
  if (!toaster) throw new Error("useToast needs a ToastProvider above it");
  return toaster;
}
