/** Asks one checkpoint: kind of prediction, input, options, result. What there is, the task's description says. */

import { useState } from "react";
import type { PredictionKind } from "@/api/predict";
import { integer } from "@/lib/format";
import { Button } from "@/ui/Button";
import { ErrorBox } from "@/ui/Notice";
import { base64Of, FileInput, type Chosen } from "./FileInput";
import { Options } from "./Options";
import { optionsOf } from "./options";
import { Continued, Result } from "./Result";
import { usePrediction, type PredictionState } from "./usePrediction";

function standing({ ahead, loading, searched }: PredictionState): string {
  if (ahead !== null)
    return ahead === 1
      ? "One request is before this one."
      : `${integer(ahead)} requests are before this one.`;
  if (loading) return "A worker loads the model …";
  if (searched !== null) return `${integer(searched)} samples of the dataset read …`;
  return "A worker computes it …";
}

interface Props {
  checkpoint: string;
  kinds: PredictionKind[];
}

export function Playground({ checkpoint, kinds }: Props) {
  const [name, setName] = useState(kinds[0]?.kind);
  const kind = kinds.find((one) => one.kind === name) ?? kinds[0];
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [values, setValues] = useState<Record<string, number>>({});
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [asked, setAsked] = useState("");
  const [unreadable, setUnreadable] = useState<unknown>(null);
  const { state, ask, stop, reset } = usePrediction(checkpoint);
  if (!kind) return null;
  const options = optionsOf(kind.options_schema);
  const text = texts[kind.kind] ?? kind.example;
  const file = kind.input === "image" || kind.input === "audio" ? kind.input : null;
  const complete = kind.input === "none" || (file ? chosen !== null : text !== "" || kind.streams);

  const submit = () => {
    setAsked(text);
    setUnreadable(null);
    void ask({
      kind: kind.kind,
      ...(kind.input === "text" && { text }),
      ...(file && chosen && { content: base64Of(chosen) }),
      options: Object.fromEntries(options.map((one) => [one.name, values[one.name] ?? one.default])),
      stream: true,
    });
  };

  return (
    <div className="play">
      <form
        className="card play-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (complete && !state.running) submit();
        }}
      >
        {kinds.length > 1 && (
          <div className="play-chips" role="group" aria-label="Kind of prediction">
            {kinds.map((one) => (
              <button
                key={one.kind}
                type="button"
                className="play-chip"
                aria-pressed={one.kind === kind.kind}
                onClick={() => {
                  reset();
                  setName(one.kind);
                }}
              >
                {one.title}
              </button>
            ))}
          </div>
        )}
        <p className="muted small">{kind.hint}</p>
        {kind.input === "text" && (
          <textarea
            className="input"
            aria-label="Text"
            rows={4}
            dir="auto"
            maxLength={20_000}
            value={text}
            onChange={(event) => setTexts((before) => ({ ...before, [kind.kind]: event.target.value }))}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
                event.currentTarget.form?.requestSubmit();
            }}
          />
        )}
        {file && <FileInput input={file} chosen={chosen} choose={setChosen} fail={setUnreadable} />}
        <Options
          options={options}
          values={values}
          set={(option, value) => setValues((before) => ({ ...before, [option]: value }))}
        />
        <div className="play-actions">
          {state.running ? (
            <Button icon="stop" onClick={stop}>
              Stop
            </Button>
          ) : (
            <Button look="primary" type="submit" icon="play" disabled={!complete}>
              {kind.title}
            </Button>
          )}
          <span className="faint small" role="status">
            {state.running ? standing(state) : ""}
          </span>
        </div>
      </form>
      <section className="card play-result" aria-label="Result" aria-busy={state.running}>
        {state.error || unreadable ? <ErrorBox error={state.error ?? unreadable} retry={submit} /> : null}
        {state.text !== "" && !state.result && <Continued prompt={asked} text={state.text} />}
        {state.result && (
          <Result
            key={`${state.result.checkpoint}${state.result.seconds}`}
            prediction={state.result}
            prompt={asked}
          />
        )}
        {!state.error && !unreadable && !state.result && state.text === "" && (
          <p className="faint">{state.running ? standing(state) : "The result appears here."}</p>
        )}
      </section>
    </div>
  );
}
