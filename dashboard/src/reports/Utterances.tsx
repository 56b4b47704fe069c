import { count, integer, isolated, NONE, percent } from "@/lib/format";
import type { AlignedWord, UtterancesDocument } from "./documents";
import { Sample } from "./Sample";

/** Reference and hypothesis, word above word. */
function Alignment({ words }: { words: readonly AlignedWord[] }) {
  const row = (which: keyof AlignedWord) =>
    words.map((word, index) => (
      <td key={index} className={word.reference === word.hypothesis ? undefined : "word-wrong"}>
        {word[which] === null ? <span className="faint">{NONE}</span> : isolated(word[which])}
      </td>
    ));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so a keyboard must reach it
    <div className="alignment" tabIndex={0} role="group" aria-label="Reference and hypothesis">
      <table>
        <tbody>
          <tr>
            <th scope="row">Reference</th>
            {row("reference")}
          </tr>
          <tr>
            <th scope="row">Hypothesis</th>
            {row("hypothesis")}
          </tr>
        </tbody>
      </table>
    </div>
  );
}

/** The utterances with the highest word error rate, which can be heard. */
export function Utterances({ document }: { document: UtterancesDocument }) {
  return (
    <figure className="card report report-wide">
      <figcaption>
        <b>Worst transcripts</b>
        <span className="faint small">
          {integer(document.right)} of {count(document.count, "utterance")} without a mistake. Red: words that
          are replaced, added or missing.
        </span>
      </figcaption>
      {document.mistakes.length === 0 ? (
        <p className="muted small">Every utterance was transcribed correctly.</p>
      ) : (
        <ul className="sentences sentences-columns">
          {document.mistakes.map((mistake) => (
            <li key={mistake.sample}>
              <p className="small">
                <span className="faint">Word error rate </span>
                <b className="num">{percent(mistake.word_error_rate)}</b>
              </p>
              <Sample seen={mistake} what={`Utterance ${integer(mistake.sample)}`} />
              <Alignment words={mistake.words} />
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
