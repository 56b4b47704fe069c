import type { PlannedLineage } from "@/api/types";

const NAMES: Record<PlannedLineage["state"], string> = {
  running: "Running",
  stopped: "Stopped",
  succeeded: "Succeeded",
  cancelled: "Cancelled",
};
const LOOKS: Record<PlannedLineage["state"], string> = {
  running: "running",
  stopped: "paused",
  succeeded: "succeeded",
  cancelled: "cancelled",
};

export function LineageChip({ state }: { state: PlannedLineage["state"] }) {
  return (
    <span className={`chip chip-${LOOKS[state]}`}>
      <i className="dot" aria-hidden="true" />
      {NAMES[state]}
    </span>
  );
}
