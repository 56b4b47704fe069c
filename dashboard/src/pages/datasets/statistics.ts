type Row = Record<string, unknown>;

/** Rows of an open field of the statistics, if present. */
export function rowsOf(statistics: Record<string, unknown>, field: string): Row[] {
  const rows = statistics[field];
  return Array.isArray(rows) ? (rows as Row[]) : [];
}

export const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Whether the samples have classes to learn; lists of datasets tell their number alone. */
export const hasClasses = (statistics: Record<string, unknown>): boolean =>
  numberOf(statistics.class_count) > 1;

export interface Script {
  script: string;
  letters: number;
}

/** The scripts in the statistics, if present: the type of statistics is open, so that it can be extended. */
export function scriptsOf(statistics: Record<string, unknown>): Script[] {
  const scripts = statistics.scripts;
  if (!Array.isArray(scripts)) return [];
  return scripts.filter(
    (entry: Partial<Record<keyof Script, unknown>> | null): entry is Script =>
      typeof entry?.script === "string" && typeof entry.letters === "number",
  );
}

/** Number of documents that repeat another; undefined if they were not counted. */
export function repeatsOf(statistics: Record<string, unknown>): number | undefined {
  return typeof statistics.repeats === "number" ? statistics.repeats : undefined;
}

/** The `shown` most frequent scripts with their share of all letters; the rest is one further entry. */
export function sharesOf(scripts: Script[], shown: number): (Script & { share: number })[] {
  const all = scripts.reduce((sum, { letters }) => sum + letters, 0);
  const rest = scripts.slice(shown).reduce((sum, { letters }) => sum + letters, 0);
  const entries = rest > 0 ? [...scripts.slice(0, shown), { script: "All others", letters: rest }] : scripts;
  return entries.map((entry) => ({ ...entry, share: entry.letters / Math.max(all, 1) }));
}
