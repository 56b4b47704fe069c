import { useState } from "react";
import { useTasks } from "@/tasks/context";
import { useForm } from "./context";
import type { Document } from "./document";
import type { Field, Union } from "./fields";
import { MODALITIES } from "@/pages/datasets/modality";
import { Help } from "./Help";
import { firstOf, restOf, variantOf } from "./layout";
import { LeafField } from "./LeafField";

/** The tasks by modality, that of the chosen dataset first; tasks of unknown modality come last. */
function TaskOptions({ union, chosen }: { union: Union; chosen: string | undefined }) {
  const { modality, fits } = useForm();
  const tasks = useTasks();
  const groups = Object.entries(MODALITIES).sort(
    ([one], [other]) => Number(other === modality) - Number(one === modality),
  );
  const order = tasks.list.map(({ kind }) => kind);
  const known = union.variants
    .filter(({ value }) => {
      const task = tasks.of(value);
      return task && (value === chosen || fits(task));
    })
    .sort((one, other) => order.indexOf(one.value) - order.indexOf(other.value));
  const option = ({ value, title }: Union["variants"][number]) => (
    <option key={value} value={value}>
      {tasks.of(value)?.title ?? title}
    </option>
  );
  return (
    <>
      {groups
        .map(([group, { title }]) => ({
          title,
          members: known.filter(({ value }) => tasks.of(value)?.modality === group),
        }))
        .filter(({ members }) => members.length > 0)
        .map(({ title, members }) => (
          <optgroup key={title} label={title}>
            {members.map(option)}
          </optgroup>
        ))}
      {union.variants.filter(({ value }) => !tasks.of(value)).map(option)}
    </>
  );
}

function UnionField({ union, document }: { union: Union; document: Document }) {
  const form = useForm();
  const tasks = useTasks();
  const variant = variantOf(union, document);
  const task = union.path === "task" ? tasks.of(variant?.value) : undefined;
  return (
    <div className="field field-full" data-path={union.path}>
      <label className="field-label" htmlFor={union.path}>
        {union.title}
      </label>
      <select
        id={union.path}
        className="input"
        value={variant?.value}
        onChange={(event) => form.choose(union.path, union.tag, event.target.value)}
      >
        {union.path === "task" ? (
          <TaskOptions union={union} chosen={variant?.value} />
        ) : (
          union.variants.map(({ value, title }) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))
        )}
      </select>
      {task && <p className="help">{task.choose_if}</p>}
      <p className="help">
        <Help text={variant?.help ?? ""} />
      </p>
    </div>
  );
}

interface SectionProps {
  title: string;
  help: string;
  fields: Field[];
  document: Document;
}

/** One part of the spec: its main fields, and the others folded. */
export function Section({ title, help, fields, document }: SectionProps) {
  const form = useForm();
  const tasks = useTasks();
  const [opened, setOpened] = useState(false);
  const first = firstOf(fields, document, tasks);
  const parts = restOf(fields, document, tasks);
  const folded = parts.flatMap((part) => part.leaves);
  const changed = folded.filter((leaf) => form.value(leaf.path) !== undefined).length;
  // A field with a problem must be visible, so its section is expanded.
  const wrong = folded.some((leaf) => form.problems(leaf.path).length > 0);
  return (
    <section className="form-section card">
      <div className="form-section-head">
        <h2>{title}</h2>
        <p className="small faint">
          <Help text={help} />
        </p>
      </div>
      {first.length > 0 && (
        <div className="form-grid">
          {first.map((field) =>
            field.kind === "union" ? (
              <UnionField key={field.path} union={field} document={document} />
            ) : field.kind === "group" ? null : (
              <LeafField key={field.path} leaf={field} />
            ),
          )}
        </div>
      )}
      {folded.length > 0 && (
        <details
          className="fold"
          open={opened || wrong}
          onToggle={(event) => setOpened(event.currentTarget.open)}
        >
          <summary>
            Advanced
            <span className="faint small num">
              {folded.length} more{changed > 0 && `, ${changed} changed`}
            </span>
          </summary>
          {parts.map((part) => (
            <div key={part.title} className="fold-part">
              {part.title && part.title !== title && <h3>{part.title}</h3>}
              <div className="form-grid">
                {part.leaves.map((leaf) => (
                  <LeafField key={leaf.path} leaf={leaf} />
                ))}
              </div>
            </div>
          ))}
        </details>
      )}
    </section>
  );
}
