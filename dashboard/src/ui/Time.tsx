import { useSyncExternalStore } from "react";
import { exactTime, relative } from "@/lib/format";

// One clock for the whole page, stopped while the page is hidden.
let now = new Date();
const listeners = new Set<() => void>();
setInterval(() => {
  if (document.hidden) return;
  now = new Date();
  listeners.forEach((listener) => listener());
}, 1000);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** The current time, updated every second. */
export const useNow = (): Date => useSyncExternalStore(subscribe, () => now);

/** How long ago, with the exact time on hover. */
export function Time({ at }: { at: string }) {
  const time = new Date(at);
  return (
    <time dateTime={at} title={exactTime(time)}>
      {relative(time, useNow())}
    </time>
  );
}
