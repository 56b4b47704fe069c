/** Keyboard shortcuts of single keys; ignored while a text field has the focus. */

import { useEffect, useRef } from "react";

const WRITING = "input, textarea, select, [contenteditable], dialog[open] *";

/** Calls the action of a key, such as `n` or `/`, or of two keys in sequence, such as `g j`. */
export function useShortcuts(actions: Record<string, () => void>): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    let before = "";
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.matches(WRITING)) return;
      const action = latest.current[`${before} ${event.key}`] ?? latest.current[event.key];
      before = event.key;
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** The keys j and k move the focus through the rows of a list; Enter follows the row's link. */
export function useRowKeys(): void {
  const move = (by: number) => {
    const rows = [...document.querySelectorAll<HTMLElement>("[data-row-link]")];
    const at = rows.findIndex((row) => row === document.activeElement);
    const next =
      rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  useShortcuts({ j: () => move(1), k: () => move(-1) });
}
