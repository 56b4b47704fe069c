import { integer, isolated, percent } from "@/lib/format";
import type { Mistake, MistakesDocument } from "./documents";

function Sample({ mistake }: { mistake: Mistake }) {
  const what = `Sample ${integer(mistake.sample)}, ${mistake.truth} taken for ${mistake.predicted}`;
  return (
    <>
      {mistake.image !== undefined && <img src={mistake.image} alt={what} />}
      {mistake.sound !== undefined && (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- a recording of the dataset has no transcript here
        <audio controls preload="none" src={mistake.sound} aria-label={what} />
      )}
      {mistake.text !== undefined && <p className="mistake-text">{isolated(mistake.text)}</p>}
    </>
  );
}

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
              <Sample mistake={mistake} />
              <p className="small">
                <span className="faint">Predicted</span>{" "}
                <b className="mistake-predicted">{isolated(mistake.predicted)}</b>{" "}
                <span className="num">({percent(mistake.confidence)})</span>
                <br />
                <span className="faint">True class</span> <b>{isolated(mistake.truth)}</b>
              </p>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
