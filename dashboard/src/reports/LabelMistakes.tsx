import { integer, isolated, percent } from "@/lib/format";
import type { Decision, LabelMistakesDocument } from "./documents";
import { Sample } from "./Sample";

function Decisions({ of, title, wrong }: { of: readonly Decision[]; title: string; wrong: boolean }) {
  if (of.length === 0) return null;
  return (
    <p className="small">
      <span className="faint">{title} </span>
      {of.map((one, index) => (
        <span key={one.class}>
          {index > 0 && ", "}
          <b className={wrong ? "mistake-predicted" : undefined}>{isolated(one.class)}</b>{" "}
          <span className="num">{percent(one.probability)}</span>
        </span>
      ))}
    </p>
  );
}

/** The samples with the most wrong decisions about their classes. */
export function LabelMistakes({ document }: { document: LabelMistakesDocument }) {
  return (
    <figure className="card report report-wide">
      <figcaption>
        <b>Worst mistakes</b>
        <span className="faint small">
          Samples with the most wrong classes; a class is predicted from a probability of 50%.
        </span>
      </figcaption>
      {document.mistakes.length === 0 ? (
        <p className="muted small">Every sample has exactly its classes.</p>
      ) : (
        <ul className="mistakes">
          {document.mistakes.map((mistake) => (
            <li key={mistake.sample}>
              <Sample seen={mistake} what={`Sample ${integer(mistake.sample)}`} />
              <Decisions of={mistake.missed} title="missed" wrong />
              <Decisions of={mistake.added} title="wrong" wrong />
              <Decisions of={mistake.right} title="right" wrong={false} />
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
