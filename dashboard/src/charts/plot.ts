/** A chart's traces in the form that uPlot takes. */

import uPlot from "uplot";
import { compact } from "@/lib/format";
import { smooth, type Trace } from "@/lib/points";
import type { ChartSeries, ChartSpec } from "./catalog";

export interface PlotView {
  /** Weight of the moving average; 0 for none. */
  smoothing: number;
  /** Steps over which the average's weight counts. */
  span: number;
  log: boolean;
  /** First and last step shown. */
  range: [number, number];
}

/** The indices of a chart series' columns among uPlot's. */
export interface Columns {
  max: number | null;
  min: number | null;
  raw: number;
  smooth: number | null;
}

export function columnsOf(spec: ChartSpec): Columns[] {
  let next = 1;
  return spec.series.map(({ kind }) =>
    kind === "line"
      ? { max: next++, min: next++, raw: next++, smooth: next++ }
      : { max: null, min: null, raw: next++, smooth: null },
  );
}

type Column = (number | null | undefined)[];

/** All columns over one common x; a logarithmic axis cannot show values that are not positive. */
export function dataOf(spec: ChartSpec, traces: Trace[], view: PlotView): uPlot.AlignedData {
  const fit = (column: Column): Column =>
    view.log && spec.log
      ? column.map((value) => (typeof value === "number" && value <= 0 ? null : value))
      : column;
  const tables = spec.series.map((series, index): uPlot.AlignedData => {
    const trace = traces[index] ?? { steps: [], last: [], min: [], max: [] };
    if (series.kind !== "line") return [trace.steps, fit(trace.last)] as uPlot.AlignedData;
    const average =
      view.smoothing > 0 && series.noisy
        ? smooth(trace, view.smoothing, view.span)
        : trace.steps.map(() => undefined);
    return [trace.steps, fit(trace.max), fit(trace.min), fit(trace.last), fit(average)] as uPlot.AlignedData;
  });
  const [only] = tables;
  return tables.length === 1 && only ? only : uPlot.join(tables);
}

export const isEmpty = (data: uPlot.AlignedData): boolean => data[0].length === 0;

const probe = document.createElement("i");
probe.hidden = true;

/** The colour of a custom property in the current theme, with an opacity. */
export function color(property: string, opacity = 1): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${property})`;
  const resolved = getComputedStyle(probe).color;
  return opacity === 1 ? resolved : resolved.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}

function seriesOf(series: ChartSeries, view: () => PlotView): uPlot.Series[] {
  const stroke = () => color(series.color);
  const marks = { size: 6, width: 0, fill: stroke, stroke };
  if (series.kind === "level") return [{ stroke, width: 1, dash: [4, 4], points: { show: false } }];
  if (series.kind === "marks") return [{ stroke, width: 1.5, points: { show: true, ...marks } }];
  const edge: uPlot.Series = { points: { show: false } };
  return [
    edge,
    edge,
    {
      stroke: () => (view().smoothing > 0 && series.noisy ? color(series.color, 0.32) : color(series.color)),
      width: 1.25,
      // A single point has no line, so it gets a marker.
      points: { ...marks, show: (_, __, first, last) => first === last },
    },
    { stroke, width: 1.75, points: { show: false } },
  ];
}

function tick(value: number | null): string {
  if (value === null) return "";
  if (value !== 0 && Math.abs(value) < 0.001) return Number(value.toPrecision(3)).toExponential();
  return Math.abs(value) >= 1000 ? compact(value) : String(Number(value.toPrecision(6)));
}

const TICKS = {
  value: tick,
  percent: (value: number | null) => (value === null ? "" : `${tick(value * 100)}%`),
  megabytes: (value: number | null) => (value === null ? "" : tick(value)),
};

// uPlot has these as a const enum, which does not exist at run time.
/* eslint-disable @typescript-eslint/no-unsafe-enum-assignment */
const LINEAR: uPlot.Scale.Distr.Linear = 1;
/** Distances between marks on the axis of steps, which are whole numbers: 1, 2, 5, 10, … */
const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const LOGARITHMIC: uPlot.Scale.Distr.Logarithmic = 3;
/* eslint-enable @typescript-eslint/no-unsafe-enum-assignment */

const FONT = '11px Inter, ui-sans-serif, system-ui, "Segoe UI", sans-serif';

function rangeOf(
  min: number | null,
  max: number | null,
  log: boolean,
  format: ChartSpec["format"],
): uPlot.Range.MinMax {
  if (min === null || max === null) return log ? [1, 10] : [0, 1];
  if (log) return uPlot.rangeLog(min, max, 10, false);
  const [low, high] = uPlot.rangeNum(min, max, 0.1, true);
  // A share is at most 1; a line at 1 needs a small margin.
  return format === "percent" && high !== null && max <= 1 ? [low, Math.min(high, 1.03)] : [low, high];
}

interface PlotHandlers {
  view: () => PlotView;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
  onCursor: (plot: uPlot) => void;
}

export function optionsOf(
  spec: ChartSpec,
  size: { width: number; height: number },
  handlers: PlotHandlers,
): uPlot.Options {
  const axis = { stroke: () => color("--chart-axis"), font: FONT, ticks: { show: false } };
  const grid = { stroke: () => color("--chart-grid"), width: 1 };
  return {
    ...size,
    padding: [10, 12, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => handlers.view().range },
      y: {
        // An empty chart has its axes, so that its first points cause no layout change.
        range: (_, min, max) => rangeOf(min, max, handlers.view().log && spec.log, spec.format),
        distr: handlers.view().log && spec.log ? LOGARITHMIC : LINEAR,
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        gap: 6,
        space: 70,
        incrs: WHOLE,
        values: (_, values) => values.map((v) => compact(v)),
      },
      {
        ...axis,
        grid,
        size: 50,
        gap: 6,
        space: 34,
        values: (plot, values) =>
          isEmpty(plot.data) ? values.map(() => "") : values.map(TICKS[spec.format]),
      },
    ],
    series: [{}, ...spec.series.flatMap((series) => seriesOf(series, handlers.view))],
    bands: spec.series.flatMap(({ color: name }, index) => {
      const { max, min } = columnsOf(spec)[index] ?? {};
      if (typeof max !== "number" || typeof min !== "number") return [];
      return [{ series: [max, min] as uPlot.Band.Bounds, fill: () => color(name, 0.16) }];
    }),
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
      // Only the pointer's position is shared with the other charts: each gets its range from its props.
      sync: {
        key: "job",
        scales: ["x", null],
        filters: {
          pub: (type) => type === "mousemove" || type === "mouseleave",
          sub: (type) => type === "mousemove" || type === "mouseleave",
        },
      },
      bind: {
        dblclick: () => () => {
          handlers.onReset();
          return null;
        },
      },
    },
    hooks: {
      setCursor: [handlers.onCursor],
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const from = Math.max(0, Math.floor(plot.posToVal(plot.select.left, "x")));
          const to = Math.ceil(plot.posToVal(plot.select.left + plot.select.width, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (to > from) handlers.onZoom(from, to);
        },
      ],
    },
  };
}
