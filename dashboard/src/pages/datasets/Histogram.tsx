import { compact, count } from "@/lib/format";

interface Bin {
  from: number;
  to: number;
  documents: number;
}

/** The bins in the statistics, if present: the type of statistics is open, so that it can be extended. */
export function binsOf(statistics: Record<string, unknown>): Bin[] {
  const bins = statistics.length_histogram;
  if (!Array.isArray(bins)) return [];
  return bins.filter(
    (bin: Partial<Record<keyof Bin, unknown>> | null): bin is Bin =>
      typeof bin?.from === "number" && typeof bin.to === "number" && typeof bin.documents === "number",
  );
}

/** A histogram of the lengths of documents. */
export function Histogram({ bins }: { bins: Bin[] }) {
  const most = Math.max(...bins.map((bin) => bin.documents), 1);
  return (
    <figure className="histogram">
      <ol className="histogram-bars">
        {bins.map((bin) => {
          const label = `${compact(bin.from)} to ${compact(bin.to)} characters: ${count(bin.documents, "document")}`;
          return (
            <li key={bin.from} title={label}>
              <i
                style={{ height: `${Math.max(bin.documents > 0 ? 2 : 0, (bin.documents / most) * 100)}%` }}
              />
              <span className="visually-hidden">{label}</span>
            </li>
          );
        })}
      </ol>
      <figcaption className="histogram-axis faint num" aria-hidden="true">
        <span>{compact(bins[0]?.from ?? 0)}</span>
        <span>characters a document</span>
        <span>{compact(bins.at(-1)?.to ?? 0)}</span>
      </figcaption>
    </figure>
  );
}
