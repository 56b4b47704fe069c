/** Formats numbers, sizes and times for people. All functions are pure: the current time is an argument. */

const grouped = new Intl.NumberFormat("en-US");
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const shortDay = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric" });
const shortDayYear = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", year: "numeric" });

export const NONE = "–";

/** 1234567 → "1,234,567". */
export const integer = (value: number): string => grouped.format(Math.round(value));

/** 1234567 → "1.23M"; below ten thousand the number itself. */
export function compact(value: number): string {
  const units = ["", "k", "M", "B", "T"];
  if (Math.abs(value) < 10_000) return integer(value);
  let unit = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${Number(scaled.toPrecision(3))}${units[unit] ?? ""}`;
}

/** Numbers of parameters: "1.23M", and where not all of them are trained "1.23M, 0.4% trained". */
export function parameters(count: number, trained: number | null | undefined): string {
  if (trained === null || trained === undefined || trained === count) return compact(count);
  return `${compact(count)}, ${Number(((100 * trained) / count).toPrecision(2))}% trained`;
}

/** 44711220 → "44.7 MB" (powers of 1000, as disks and browsers count). */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** A measured value with four significant digits: 2.345, 18,412, 4.2e-4. */
export function metric(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 10_000) return integer(value);
  if (size < 0.001) return Number(value.toPrecision(3)).toExponential();
  return size >= 1000 ? integer(value) : value.toPrecision(4);
}

/** A number with at most four significant digits, as on an axis: 0.5, 20, 1.305. */
export function plain(value: number): string {
  const size = Math.abs(value);
  return size >= 0.001 && size < 1000 ? String(Number(value.toPrecision(4))) : metric(value);
}

/** A share as a percentage: whole, or with one decimal below ten per cent of accuracy matters. */
export const percent = (fraction: number | null, digits = 0): string =>
  fraction === null ? NONE : `${(fraction * 100).toFixed(digits)}%`;

/** Seconds as "42s", "2m 14s", "3h 05m", "2d 4h". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${String(whole % 60).padStart(2, "0")}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h ${String(minutes % 60).padStart(2, "0")}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** "just now", "12s ago", "5m ago", "3h ago", "4d ago", then the day. */
export function relative(time: Date, now: Date): string {
  const seconds = (now.getTime() - time.getTime()) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ago`;
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)}d ago`;
  return (time.getFullYear() === now.getFullYear() ? shortDay : shortDayYear).format(time);
}

export const exactTime = (time: Date): string => exact.format(time);

/** "job_01kb…m4x2": enough to recognise an id; the copy button copies the whole id. */
export const shortId = (id: string): string => (id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);

/** A name for the middle of a sentence, in U+2068 and U+2069: its direction does not reorder what stands around it. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

/** "1 file", "3 files". */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${integer(value)} ${value === 1 ? one : many}`;
