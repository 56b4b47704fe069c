import { useState } from "react";
import { useSearchParams } from "wouter";
import { integer } from "@/lib/format";
import { Button, ButtonLink } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";

const DEFAULT_SMOOTHING = 0.6;

interface CurvesView {
  smoothing: number;
  log: boolean;
  /** First and last step, if not all steps are shown. */
  zoom: [number, number] | null;
}

function number(text: string | null): number | null {
  const value = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/** The view settings of the curves. They are kept in the URL, so that a link shares exactly this view. */
export function useCurvesView(): CurvesView {
  const [search] = useSearchParams();
  const from = number(search.get("from"));
  const to = number(search.get("to"));
  const smoothing = number(search.get("smooth")) ?? DEFAULT_SMOOTHING;
  return {
    smoothing: Math.min(0.99, Math.max(0, smoothing)),
    log: search.get("log") === "1",
    zoom: from !== null && to !== null && from >= 0 && to > from ? [from, to] : null,
  };
}

interface StepsProps {
  range: [number, number];
  onZoom: (from: number, to: number) => void;
}

/** Inputs for the shown steps, to zoom exactly and without a pointer. */
function Steps({ range, onZoom }: StepsProps) {
  // The text that is being typed; null while the fields follow the view.
  const [typed, setTyped] = useState<[string | null, string | null]>([null, null]);
  const [from, to] = [typed[0] ?? String(range[0]), typed[1] ?? String(range[1])];
  const show = () => {
    const first = number(from);
    const last = number(to);
    if (first !== null && last !== null && first >= 0 && last > first)
      onZoom(Math.floor(first), Math.ceil(last));
    setTyped([null, null]);
  };
  return (
    <form
      className="steps num"
      onSubmit={(event) => {
        event.preventDefault();
        show();
      }}
    >
      <span className="faint">Steps</span>
      <input
        aria-label="First step"
        inputMode="numeric"
        value={from}
        onChange={({ target }) => setTyped([target.value, typed[1]])}
      />
      <span className="faint" aria-hidden="true">
        –
      </span>
      <input
        aria-label="Last step"
        inputMode="numeric"
        value={to}
        onChange={({ target }) => setTyped([typed[0], target.value])}
      />
      <button type="submit" className="visually-hidden">
        Show these steps
      </button>
    </form>
  );
}

interface ToolbarProps {
  /** The job's id. */
  job: string;
  lastStep: number;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

export function CurvesToolbar({ job, lastStep, onZoom, onReset }: ToolbarProps) {
  const [, setSearch] = useSearchParams();
  const { smoothing, log, zoom } = useCurvesView();
  const set = (name: string, value: string | null) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === null) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  const [from, to] = zoom ?? [0, lastStep];
  return (
    <div className="curves-tools">
      <label className="slider">
        Smoothing
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={smoothing}
          onChange={(event) => {
            const value = Number(event.target.value);
            set("smooth", value === DEFAULT_SMOOTHING ? null : String(value));
          }}
        />
        <output className="num">{smoothing.toFixed(2)}</output>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={log}
          onChange={(event) => set("log", event.target.checked ? "1" : null)}
        />
        Log scale
      </label>
      <div className="curves-range">
        <Steps range={[from, to]} onZoom={onZoom} />
        <Button
          small
          look="ghost"
          disabled={zoom === null}
          onClick={onReset}
          title={`Show all ${integer(lastStep)} steps`}
        >
          Show all
        </Button>
        <ButtonLink
          small
          look="ghost"
          download
          icon="download"
          href={`/v1/jobs/${job}/tensorboard`}
          label="Download the curves as an event file of TensorBoard"
        >
          TensorBoard
        </ButtonLink>
        <CopyButton icon="link" text={window.location.href} label="Copy a link to exactly this view" />
      </div>
    </div>
  );
}
