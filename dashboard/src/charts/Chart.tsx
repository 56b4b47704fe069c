import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { epochNumber } from "@/lib/epochs";
import { integer, metric, percent } from "@/lib/format";
import type { Trace } from "@/lib/points";
import { useTheme } from "@/lib/theme";
import type { ChartSpec } from "./catalog";
import { columnsOf, dataOf, isEmpty, optionsOf, type PlotView } from "./plot";

interface ChartProps {
  spec: ChartSpec;
  /** One for each of the spec's series. */
  traces: Trace[];
  view: PlotView;
  height: number;
  wide?: boolean;
  /** Steps of an epoch; null if it is not known. */
  perEpoch?: number | null;
  /** Text shown while there are no points. */
  waiting: string;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

const FORMATS = {
  value: (value: number | null) => metric(value),
  percent: (value: number | null) => (value === null ? metric(null) : percent(value, 1)),
  megabytes: (value: number | null) => (value === null ? metric(null) : `${integer(value)} MB`),
};

const lastOf = (column: ArrayLike<number | null | undefined> | undefined): number | null =>
  Array.from(column ?? []).findLast((value) => typeof value === "number") ?? null;

/** "step 30, epoch 0.15". */
const place = (step: number, perEpoch: number | null): string =>
  `step ${integer(step)}${perEpoch === null ? "" : `, epoch ${epochNumber(step / perEpoch)}`}`;

interface Reading {
  step: number | null;
  values: { value: number | null; band: [number, number] | null }[];
}

function readingAt(plot: uPlot, spec: ChartSpec): Reading {
  const at = plot.cursor.idx;
  return {
    step: typeof at === "number" ? (plot.data[0][at] ?? null) : null,
    values: columnsOf(spec).map(({ raw, min, max }) => {
      const index = plot.cursor.idxs?.[raw] ?? null;
      const value = index === null ? lastOf(plot.data[raw]) : (plot.data[raw]?.[index] ?? null);
      const low = min === null || index === null ? null : plot.data[min]?.[index];
      const high = max === null || index === null ? null : plot.data[max]?.[index];
      const band =
        typeof low === "number" && typeof high === "number" && high > low
          ? ([low, high] as [number, number])
          : null;
      return { value, band };
    }),
  };
}

/** Arrow keys move the cursor along the points, plus and minus zoom around it, 0 shows all. */
function onChartKey(
  plot: uPlot,
  key: string,
  props: Pick<ChartProps, "onZoom" | "onReset" | "view">,
): boolean {
  const steps = plot.data[0];
  const at = plot.cursor.idx ?? steps.length - 1;
  const [from, to] = props.view.range;
  const center = steps[at] ?? to;
  const zoom = (factor: number) => {
    const half = ((to - from) * factor) / 2;
    props.onZoom(Math.max(0, Math.floor(center - half)), Math.ceil(center + half));
  };
  const moveTo = (index: number) => {
    const step = steps[Math.min(steps.length - 1, Math.max(0, index))];
    if (step !== undefined) plot.setCursor({ left: plot.valToPos(step, "x"), top: 10 });
  };
  const stride = Math.max(1, Math.round(steps.length / 100));
  const actions: Record<string, () => void> = {
    ArrowLeft: () => moveTo(at - stride),
    ArrowRight: () => moveTo(at + stride),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    "0": props.onReset,
    Escape: props.onReset,
  };
  const action = actions[key];
  action?.();
  return action !== undefined;
}

export function Chart(props: ChartProps) {
  const { spec, traces, view, height, wide = false, waiting, perEpoch = null } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  const [reading, setReading] = useState<Reading | null>(null);
  const theme = useTheme();
  useLayoutEffect(() => {
    latest.current = props;
  });

  const data = useMemo(() => dataOf(spec, traces, view), [spec, traces, view]);
  const empty = isEmpty(data);
  const log = view.log && spec.log;

  useLayoutEffect(() => {
    const target = box.current;
    if (!target) return;
    const size = () => ({ width: target.clientWidth, height });
    const made = new uPlot(
      optionsOf(spec, size(), {
        view: () => latest.current.view,
        onZoom: (from, to) => latest.current.onZoom(from, to),
        onReset: () => latest.current.onReset(),
        onCursor: (self) =>
          setReading(
            self.cursor.idx === null || self.cursor.idx === undefined ? null : readingAt(self, spec),
          ),
      }),
      dataOf(spec, latest.current.traces, latest.current.view),
      target,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(size()));
    observer.observe(target);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [spec, height, log]);

  useEffect(() => plot.current?.setData(data), [data]);
  // An empty axis has no numbers; without a redraw it stays so if the first points do not change its range.
  useEffect(() => plot.current?.redraw(true, true), [theme, empty]);

  const format = FORMATS[spec.format];
  const shown: Reading = reading ?? {
    step: null,
    values: columnsOf(spec).map(({ raw }) => ({ value: lastOf(data[raw]), band: null })),
  };
  return (
    <figure className={wide ? "chart card chart-wide" : "chart card"}>
      <figcaption className="chart-head">
        <h3 title={spec.hint ? `${spec.title}. ${spec.hint}` : spec.title}>{spec.title}</h3>
        <span className="chart-values num">
          {shown.step !== null && <span className="chart-step">{place(shown.step, perEpoch)}</span>}
          {spec.series.map((series, index) => {
            const { value = null, band = null } = shown.values[index] ?? {};
            return (
              <span key={series.metric} className={`chart-value chart-value-${series.kind}`}>
                {series.label && (
                  <>
                    <i style={{ color: `var(${series.color})` }} aria-hidden="true" />
                    <span className="faint">{series.label}</span>
                  </>
                )}
                <b>{format(value)}</b>
                {wide && band && (
                  <span className="faint">
                    {format(band[0])}…{format(band[1])}
                  </span>
                )}
              </span>
            );
          })}
        </span>
      </figcaption>
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions -- keys move the cursor and zoom, as the pointer does */}
      <div
        ref={box}
        className="chart-box"
        data-chart={spec.id}
        data-points={data[0].length}
        data-last-step={data[0].at(-1) ?? 0}
        style={{ height }}
        role="group"
        tabIndex={0}
        aria-label={`${spec.title}: ${spec.series.map((s, i) => `${s.label} ${format(shown.values[i]?.value ?? null)}`).join(", ")}. Arrow keys read the points, plus and minus zoom, 0 shows all.`}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          if (plot.current && onChartKey(plot.current, event.key, props)) event.preventDefault();
        }}
        onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
      >
        {empty && <p className="chart-empty">{waiting}</p>}
      </div>
      {/* eslint-enable jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions */}
    </figure>
  );
}
