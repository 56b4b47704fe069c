import type { Dataset } from "@/api/types";
import { MODALITIES } from "@/pages/datasets/modality";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { getAt, type Document } from "./document";
import type { Field } from "./fields";
import { inOrder } from "./layout";
import { presetsFor, restart, startFor, type Preset } from "./presets";
import { taskOf } from "./tasks";

/** Whether two documents ask for the same, whatever they are called and learn from. */
const same = (one: Document, other: Document, fields: Field[]): boolean => {
  const [first, second] = [one, other].map((document) =>
    JSON.stringify(inOrder({ ...document, name: undefined, dataset: undefined }, fields)),
  );
  return first === second;
};

/** The starting point that the document still is; undefined once anything of it was changed. */
export function presetOf(
  document: Document,
  dataset: Dataset | undefined,
  fields: Field[],
): Preset | undefined {
  const presets = presetsFor(getAt(document, "task.kind"), dataset);
  return presets.find((preset) => same(document, preset.document, fields));
}

/** The document for another dataset: an untouched start follows what the data are, a person's own work stays as it is. */
export function withDataset(
  document: Document,
  before: Dataset | undefined,
  chosen: Dataset,
  fields: Field[],
): Document {
  const named = { ...document, dataset: chosen.id, name: document.name ?? chosen.name };
  const preset = presetOf(document, before, fields);
  if (!preset) return named;
  const kind = getAt(document, "task.kind");
  if (taskOf(kind)?.modality !== chosen.modality) return restart(named, startFor(chosen.modality, chosen));
  const fitting = presetsFor(kind, chosen).find(({ id }) => id === preset.id);
  return fitting ? restart(named, fitting.document) : named;
}

/** The document for another task: its own start, in the size of the one before. */
export function withTask(
  document: Document,
  kind: string,
  dataset: Dataset | undefined,
  fields: Field[],
): Document {
  const size = presetOf(document, dataset, fields)?.id ?? "mini";
  const start = presetsFor(kind, dataset).find(({ id }) => id === size);
  return start ? restart(document, start.document) : { ...document, task: { kind } };
}

interface StartFromProps {
  document: Document;
  dataset: Dataset | undefined;
  fields: Field[];
  onStart: (start: Document) => void;
}

/** The task's starting points; and a word where the task cannot learn from the chosen data. */
export function StartFrom({ document, dataset, fields, onStart }: StartFromProps) {
  const kind = getAt(document, "task.kind");
  const task = taskOf(kind);
  const first = dataset && startFor(dataset.modality, dataset);
  const proposed = first && taskOf(getAt(first, "task.kind"));
  return (
    <>
      {dataset && first && proposed && task && task.modality !== dataset.modality && (
        <div className="notice notice-warning task-mismatch" role="status">
          <Icon name="alert" />
          <div className="notice-body">
            <p>
              {task.title} learns from {MODALITIES[task.modality].data}, and <bdi>{dataset.name}</bdi> holds{" "}
              {MODALITIES[dataset.modality].data}.
            </p>
          </div>
          <Button small onClick={() => onStart(first)}>
            Start with {proposed.title}
          </Button>
        </div>
      )}
      <div className="presets" role="group" aria-label="Start from">
        {presetsFor(kind, dataset).map((preset) => (
          <button
            key={preset.id}
            type="button"
            className="preset card"
            aria-pressed={same(document, preset.document, fields)}
            onClick={() => onStart(preset.document)}
          >
            <b>{preset.name}</b>
            <span className="small faint">{preset.what}</span>
          </button>
        ))}
      </div>
    </>
  );
}
