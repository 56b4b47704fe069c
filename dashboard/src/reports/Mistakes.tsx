import { integer, isolated, percent } from "@/lib/format";
import type { MistakesDocument } from "./documents";
import { Sample } from "./Sample";

/** The wrong predictions that the model was most confident of, with what it saw. */
export function Mistakes({ document }: { document: MistakesDocument }) {
  return (
    <figure className="card report report-wide">
      <figcaption>
        <b>Worst mistakes</b>
        <span className="faint small">Wrong predictions with the highest confidence.</span>
      </figcaption>
      {document.mistakes.length === 0 ? (
        <p className="muted small">Every sample was classified correctly.</p>
      ) : (
        <ul className="mistakes">
          {document.mistakes.map((mistake) => (
            <li key={mistake.sample}>
              <Sample
                seen={mistake}
                what={`Sample ${integer(mistake.sample)}, ${mistake.truth} taken for ${mistake.predicted}`}
              />
              <p className="small">
                <b className="mistake-predicted">{isolated(mistake.predicted)}</b>{" "}
                <span className="num">{percent(mistake.confidence)}</span>
                <span className="faint"> is {isolated(mistake.truth)}</span>
              </p>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
