import { integer, isolated, percent } from "@/lib/format";
import type { EntityRow, EntityTypesDocument, Span, TagMistakesDocument } from "./documents";
import { marked } from "./spans";

function Row({ row, name }: { row: EntityRow; name: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{integer(row.entities)}</td>
      <td className="num">{percent(row.precision, 1)}</td>
      <td className="num">{percent(row.recall, 1)}</td>
      <td className="num">{percent(row.f1, 1)}</td>
    </tr>
  );
}

/** Precision, recall and F1 of each type of entity. */
export function EntityTypes({ document }: { document: EntityTypesDocument }) {
  return (
    <figure className="card report">
      <figcaption>
        <b>By type of entity</b>
      </figcaption>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it */}
      <div className="evaluation-table report-tall" tabIndex={0} role="group" aria-label="Measures by type">
        <table>
          <thead>
            <tr>
              <th scope="col">Type</th>
              <th scope="col">Entities</th>
              <th scope="col">Precision</th>
              <th scope="col">Recall</th>
              <th scope="col">F1</th>
            </tr>
          </thead>
          <tbody>
            {document.rows.map((row) => (
              <Row key={row.type} row={row} name={row.type} />
            ))}
            <Row row={document.all} name="All" />
          </tbody>
        </table>
      </div>
    </figure>
  );
}

function Words({
  words,
  spans,
  others,
  wrong,
}: {
  words: readonly string[];
  spans: readonly Span[];
  others: readonly Span[];
  /** What is said of an entity that the others do not have. */
  wrong: string;
}) {
  return (
    <p className="tagged">
      {marked(words, spans, others).map((part, index) => (
        <span key={index}>
          {part.span === null ? (
            isolated(part.text)
          ) : (
            <mark className={part.agrees ? "span-right" : "span-wrong"}>
              {isolated(part.text)} <small>{part.span.type}</small>
              {!part.agrees && <span className="visually-hidden"> ({wrong})</span>}
            </mark>
          )}{" "}
        </span>
      ))}
    </p>
  );
}

/** The sentences with the most mistakes: their true entities above the predicted ones. */
export function TagMistakes({ document }: { document: TagMistakesDocument }) {
  return (
    <figure className="card report report-wide">
      <figcaption>
        <b>Worst sentences</b>
        <span className="faint small">Red: entities that were missed, or predicted where there is none.</span>
      </figcaption>
      {document.sentences.length === 0 ? (
        <p className="muted small">Every entity was found, and no other.</p>
      ) : (
        <ul className="sentences">
          {document.sentences.map((sentence) => (
            <li key={sentence.sample}>
              <span className="faint small">True</span>
              <Words
                words={sentence.words}
                spans={sentence.true}
                others={sentence.predicted}
                wrong="missed"
              />
              <span className="faint small">Predicted</span>
              <Words words={sentence.words} spans={sentence.predicted} others={sentence.true} wrong="wrong" />
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
