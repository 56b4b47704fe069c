import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { isTerminal } from "@/api/types";
import type { ShortJob, ShortJobKind } from "./kind";
import { follow } from "./kinds";

/** A short job that this page waits for. */
export interface ShortJobState<T extends ShortJob> {
  kind: ShortJobKind<T>;
  /** The current state of the newest one. */
  now: T | undefined;
  running: boolean;
  /** Whether it is about another subject than the one that is shown now. */
  stale: boolean;
  error: Error | null;
  ask: () => void;
  cancelling: boolean;
  /** Absent until the service has answered. */
  cancel: (() => void) | undefined;
}

interface Options<T extends ShortJob> {
  /** Submits one. */
  ask: () => Promise<T>;
  /** What it is about; a result about another subject is stale. */
  subject: string;
  /** The short job in a list that is kept current; if given, the list is used instead of polling. */
  listed?: T | undefined;
  onAsked?: () => unknown;
}

/** Submits a short job, follows it to its end, and knows whether its result still belongs to the current subject. */
export function useShortJob<T extends ShortJob>(
  kind: ShortJobKind<T>,
  { ask: askFor, subject, listed, onAsked }: Options<T>,
): ShortJobState<T> {
  const cache = useQueryClient();
  const [asked, setAsked] = useState<{ id: string; subject: string } | null>(null);
  const ask = useMutation({
    mutationFn: askFor,
    onSuccess: ({ id }) => {
      setAsked({ id, subject });
      return onAsked?.();
    },
  });
  const followed = useQuery({
    ...follow(kind, asked?.id ?? ""),
    enabled: asked !== null && listed?.id !== asked.id,
  });
  const cancel = useMutation({
    mutationFn: kind.cancel,
    onSuccess: (cancelled) => cache.setQueryData(follow(kind, cancelled.id).queryKey, cancelled),
  });
  // It has this kind, because the query key contains the kind.
  const now = listed ?? (followed.data as T | undefined);
  const error = listed ? null : followed.error;
  const waits = listed ? !isTerminal(listed.state) : asked !== null && !(now && isTerminal(now.state));
  const id = asked?.id ?? listed?.id;
  return {
    kind,
    now,
    running: ask.isPending || (waits && !error),
    stale: asked?.subject !== subject,
    error: ask.error ?? error ?? cancel.error,
    ask: () => ask.mutate(),
    cancelling: cancel.isPending,
    cancel: id === undefined ? undefined : () => cancel.mutate(id),
  };
}

/** The state of a short job as text. */
export function stateText<T extends ShortJob>({ kind, now }: ShortJobState<T>): string {
  if (!now) return "Asking…";
  if (now.state === "queued") return `Queued: ${now.waiting_reason ?? "waits for a worker"}`;
  const share = now.phase_fraction === null ? "" : `, ${Math.round(now.phase_fraction * 100)}%`;
  return `${now.phase ? kind.phases[now.phase] : "Starting"}${share}…`;
}
