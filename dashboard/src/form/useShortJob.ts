import { useMutation, useQuery, useQueryClient, type UseQueryOptions } from "@tanstack/react-query";
import { useState } from "react";
import { isTerminal, type Estimate, type JobPreview } from "@/api/types";
import type { Document } from "./document";

/** Something that a worker finds out about a job that is not submitted. */
export interface ShortJobState<T> {
  /** The newest that was asked for, as it stands. */
  now: T | undefined;
  running: boolean;
  /** The document has changed since. */
  stale: boolean;
  error: Error | null;
  ask: () => void;
  cancelling: boolean;
  /** Absent until the service has answered. */
  cancel: (() => void) | undefined;
}

interface Calls<T> {
  ask: () => Promise<T>;
  /** Asks for the short job again and again, until it is over. */
  follow: (id: string) => UseQueryOptions<T, Error, T, string[]>;
  cancel: (id: string) => Promise<T>;
}

/** Asks for it, follows it to its end, and knows whether it still speaks of the same document. */
export function useShortJob<T extends Estimate | JobPreview>(
  document: Document,
  calls: Calls<T>,
): ShortJobState<T> {
  const cache = useQueryClient();
  const [asked, setAsked] = useState<{ id: string; document: string } | null>(null);
  const present = JSON.stringify(document);
  const ask = useMutation({
    mutationFn: calls.ask,
    onSuccess: ({ id }) => setAsked({ id, document: present }),
  });
  const { data: now, error } = useQuery({ ...calls.follow(asked?.id ?? ""), enabled: asked !== null });
  const cancel = useMutation({
    mutationFn: calls.cancel,
    onSuccess: (cancelled) => cache.setQueryData(calls.follow(cancelled.id).queryKey, cancelled),
  });
  return {
    now,
    running: ask.isPending || (asked !== null && !error && !(now && isTerminal(now.state))),
    stale: asked?.document !== present,
    error: ask.error ?? error ?? cancel.error,
    ask: () => ask.mutate(),
    cancelling: cancel.isPending,
    cancel: asked ? () => cancel.mutate(asked.id) : undefined,
  };
}
