export interface Axis {
  low: number;
  high: number;
  /** From `low` to `high`, at equal distances of 1, 2 or 5 times a power of ten. */
  ticks: number[];
}

const MOST_TICKS = 6;

/** An axis that contains all values; of one value, with room around it. */
export function axisOf(values: readonly number[]): Axis {
  const least = values.reduce((one, other) => Math.min(one, other), Infinity);
  const most = values.reduce((one, other) => Math.max(one, other), -Infinity);
  if (!Number.isFinite(least) || !Number.isFinite(most)) return { low: 0, high: 1, ticks: [0, 1] };
  const width = most > least ? most - least : Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(width / MOST_TICKS));
  const step = power * ([1, 2, 5, 10].find((factor) => power * factor * (MOST_TICKS - 1) >= width) ?? 10);
  const first = Math.floor(least / step);
  const last = Math.max(Math.ceil(most / step), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
  return { low: ticks[0] ?? 0, high: ticks.at(-1) ?? 1, ticks };
}
