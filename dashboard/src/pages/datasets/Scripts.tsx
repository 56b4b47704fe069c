import { compact, percent } from "@/lib/format";
import { type Script, sharesOf } from "./statistics";

const SHOWN = 6;

/** The scripts of the text, by their share of all letters. */
export function Scripts({ scripts }: { scripts: Script[] }) {
  return (
    <ol className="scripts">
      {sharesOf(scripts, SHOWN).map(({ script, letters, share }) => (
        <li key={script} title={`${compact(letters)} letters`}>
          <span className="truncate">{script}</span>
          <i aria-hidden="true">
            <b style={{ width: `${Math.max(share * 100, 0.5)}%` }} />
          </i>
          <span className="num faint">{percent(share, share < 0.1 ? 1 : 0)}</span>
        </li>
      ))}
    </ol>
  );
}
