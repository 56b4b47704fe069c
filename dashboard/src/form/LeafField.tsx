import { useId, useState, type ReactNode } from "react";
import type { Json } from "@/lib/yaml";
import { useForm } from "./context";
import { numberOrText } from "./document";
import type { Leaf } from "./fields";
import { Help } from "./Help";

const SEGMENTS_UP_TO = 3;

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) && value.length === 0) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parse(kind: Leaf["kind"], typed: string): Json | undefined {
  if (kind === "number" || kind === "integer") return numberOrText(typed);
  if (typed === "") return undefined;
  if (kind === "lines") return linesOf(typed);
  if (kind !== "json") return typed;
  try {
    return JSON.parse(typed) as Json;
  } catch {
    return typed;
  }
}

/** The lines of a text that are not blank; a list in JSON as it is. */
function linesOf(typed: string): Json {
  try {
    const list = JSON.parse(typed) as Json;
    if (Array.isArray(list)) return list;
  } catch {
    // It is no JSON.
  }
  return typed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Whether two values of a field are equal; lists and objects are compared by their content. */
const same = (one: Json | undefined, other: Json | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

/** The meaning of an empty field. */
function placeholderOf(leaf: Leaf): string {
  if (leaf.default === undefined) return leaf.required ? "" : "none";
  return leaf.default === null ? "none" : text(leaf.default);
}

interface InputProps {
  leaf: Leaf;
  id: string;
  describedBy: string;
  invalid: boolean;
}

function TextInput({ leaf, id, describedBy, invalid, label }: InputProps & { label?: string }) {
  const form = useForm();
  const value = form.value(leaf.path);
  // The typed text is shown as long as it equals the value: "5e-4" stays, and a preset's value replaces it.
  const [typed, setTyped] = useState("");
  const shown = same(parse(leaf.kind, typed), value) ? typed : text(value);
  const numeric = leaf.kind === "number" || leaf.kind === "integer";
  const mayBeNone = leaf.nullable && leaf.default !== null && leaf.default !== undefined;
  return (
    <>
      <input
        id={id}
        aria-label={label}
        className={numeric ? "input num" : "input"}
        inputMode={numeric ? "decimal" : undefined}
        dir={numeric ? undefined : "auto"}
        autoComplete="off"
        spellCheck={false}
        required={leaf.required}
        aria-invalid={invalid}
        aria-describedby={describedBy}
        placeholder={placeholderOf(leaf)}
        disabled={mayBeNone && value === null}
        value={shown}
        onBlur={() => form.leave(leaf.path)}
        onChange={(event) => {
          setTyped(event.target.value);
          form.set(leaf.path, parse(leaf.kind, event.target.value));
        }}
      />
      {mayBeNone && (
        <label className="check small">
          <input
            type="checkbox"
            checked={value === null}
            onChange={(event) => form.set(leaf.path, event.target.checked ? null : undefined)}
          />
          none
        </label>
      )}
    </>
  );
}

/** A list of texts, one a line. */
function LinesInput({ leaf, id, describedBy, invalid }: InputProps) {
  const form = useForm();
  const value = form.value(leaf.path);
  const [typed, setTyped] = useState("");
  const written = Array.isArray(value) ? value.map(text).join("\n") : text(value);
  const shown = same(parse(leaf.kind, typed), value) ? typed : written;
  return (
    <textarea
      id={id}
      className="input"
      rows={Math.min(8, Math.max(2, shown.split("\n").length))}
      dir="auto"
      spellCheck={false}
      aria-invalid={invalid}
      aria-describedby={describedBy}
      placeholder={placeholderOf(leaf) || "one a line"}
      value={shown}
      onBlur={() => form.leave(leaf.path)}
      onChange={(event) => {
        setTyped(event.target.value);
        form.set(leaf.path, parse(leaf.kind, event.target.value));
      }}
    />
  );
}

function ChoiceInput({ leaf, id, describedBy, invalid }: InputProps) {
  const form = useForm();
  const chosen = text(form.value(leaf.path) ?? leaf.default);
  const choose = (choice: string) =>
    form.set(
      leaf.path,
      choice === "" || (choice === leaf.default && leaf.path !== "task.kind") ? undefined : choice,
    );
  if (!leaf.nullable && leaf.choices.length <= SEGMENTS_UP_TO) {
    return (
      <div
        className="segments segments-field"
        role="radiogroup"
        aria-labelledby={`${id}-label`}
        aria-describedby={describedBy}
      >
        {leaf.choices.map((choice) => (
          <label key={choice}>
            <input type="radio" name={id} checked={chosen === choice} onChange={() => choose(choice)} />
            <span>{choice}</span>
          </label>
        ))}
      </div>
    );
  }
  return (
    <select
      id={id}
      className="input"
      aria-invalid={invalid}
      aria-describedby={describedBy}
      value={chosen}
      onChange={(event) => choose(event.target.value)}
    >
      {leaf.nullable && <option value="">default</option>}
      {leaf.choices.map((choice) => (
        <option key={choice}>{choice}</option>
      ))}
    </select>
  );
}

const OTHER = " ";

/** One of some names, or another value in JSON. */
function NamedInput(props: InputProps) {
  const { leaf, id, describedBy, invalid } = props;
  const form = useForm();
  const value = form.value(leaf.path) ?? leaf.default;
  const named = typeof value === "string" && leaf.choices.includes(value);
  return (
    <>
      <select
        id={id}
        className="input"
        aria-invalid={invalid}
        aria-describedby={describedBy}
        value={named ? value : OTHER}
        onChange={({ target }) =>
          form.set(
            leaf.path,
            target.value === OTHER ? {} : target.value === leaf.default ? undefined : target.value,
          )
        }
      >
        {leaf.choices.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
        <option value={OTHER}>other values (JSON)</option>
      </select>
      {!named && <TextInput {...props} id={`${id}-json`} label={`${leaf.title}, in JSON`} />}
    </>
  );
}

function Problems({ leaf, id }: { leaf: Leaf; id: string }) {
  const form = useForm();
  const problems = form.problems(leaf.path);
  const warnings = form.warnings(leaf.path);
  return (
    <>
      {problems.map(({ code, message, suggestion }) => (
        <span key={code} id={`${id}-problem`} className="field-error">
          {message}
          {suggestion && leaf.choices.includes(suggestion) && (
            <button type="button" className="link-button" onClick={() => form.set(leaf.path, suggestion)}>
              use {suggestion}
            </button>
          )}
        </span>
      ))}
      {warnings.map(({ code, message }) => (
        <span key={code} className="field-warning">
          {message}
        </span>
      ))}
    </>
  );
}

/** A field: its label, help, range and problems around its input. */
export function FieldFrame({ leaf, children }: { leaf: Leaf; children: (props: InputProps) => ReactNode }) {
  const id = useId();
  const invalid = useForm().problems(leaf.path).length > 0;
  return (
    <div className="field" data-path={leaf.path}>
      <label className="field-label" id={`${id}-label`} htmlFor={id}>
        {leaf.title}
        {leaf.required && <span className="required">required</span>}
      </label>
      {children({ leaf, id, invalid, describedBy: `${id}-help ${id}-problem` })}
      <p className="help" id={`${id}-help`}>
        <Problems leaf={leaf} id={id} />
        <Help text={leaf.help} />
        {leaf.help && leaf.range && " · "}
        {leaf.range && <span className="help-range num">{leaf.range}</span>}
      </p>
    </div>
  );
}

function inputOf(leaf: Leaf, isNamed: boolean) {
  if (leaf.kind === "choice") return ChoiceInput;
  if (leaf.kind === "lines") return LinesInput;
  return isNamed ? NamedInput : TextInput;
}

export function LeafField({ leaf }: { leaf: Leaf }) {
  const form = useForm();
  if (leaf.kind === "boolean") {
    const value = form.value(leaf.path) ?? leaf.default;
    return (
      <FieldFrame leaf={leaf}>
        {({ id, describedBy }) => (
          <label className="check">
            <input
              id={id}
              type="checkbox"
              aria-describedby={describedBy}
              checked={value === true}
              onChange={({ target }) =>
                form.set(leaf.path, target.checked === leaf.default ? undefined : target.checked)
              }
            />
            {value === true ? "on" : "off"}
          </label>
        )}
      </FieldFrame>
    );
  }
  const isNamed = leaf.kind === "json" && leaf.choices.length > 0;
  const Input = inputOf(leaf, isNamed);
  return <FieldFrame leaf={leaf}>{(props) => <Input {...props} />}</FieldFrame>;
}
