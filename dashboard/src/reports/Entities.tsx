import { isolated } from "@/lib/format";
import type { EntityTypesDocument, Span, TagMistakesDocument } from "./documents";
import { MeasureTable } from "./MeasureTable";
import { marked } from "./spans";

/** Precision, recall and F1 of each type of entity, and of all. */
export function EntityTypes({ document }: { document: EntityTypesDocument }) {
  return (
    <MeasureTable
      title="By type of entity"
      of="Type"
      counted="Entities"
      columns={["Precision", "Recall", "F1"]}
      rows={[...document.rows, { ...document.all, type: "All" }].map((row) => ({
        name: row.type,
        count: row.entities,
        measures: [row.precision, row.recall, row.f1],
      }))}
    />
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
