import { useQuery } from "@tanstack/react-query";
import * as queries from "@/api/queries";
import type { Dataset, Job } from "@/api/types";
import { useTasks } from "@/tasks/context";
import type { Tasks } from "@/tasks/tasks";
import { MODALITIES } from "@/pages/datasets/modality";
import { Origin } from "@/pages/job/Origin";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { getAt, setAt, type Document } from "./document";
import type { Field } from "./fields";
import { inOrder } from "./layout";
import { restart, startFor, startOf, startsOf, withTarget, type Start } from "./recipes";

type Scope = NonNullable<Job["parent"]>["scope"];

/** An incomplete id, while it is typed, is not looked up. */
const IS_CHECKPOINT = /^ckpt_[0-9a-z]{26}$/;

/** Whether two documents are equal except for their name and dataset. */
const same = (one: Document, other: Document, fields: Field[]): boolean => {
  const [first, second] = [one, other].map((document) =>
    JSON.stringify(inOrder({ ...document, name: undefined, dataset: undefined }, fields)),
  );
  return first === second;
};

/** The recipe that equals the document; undefined once the user has changed anything. */
export function untouched(
  document: Document,
  dataset: Dataset | undefined,
  fields: Field[],
  tasks: Tasks,
): Start | undefined {
  const starts = startsOf(tasks.of(getAt(document, "task.kind")), dataset);
  return starts.find((start) => same(document, start.document, fields));
}

/** The document for another dataset: an unchanged recipe is adapted to the data, a changed document stays as it is. */
export function withDataset(
  document: Document,
  before: Dataset | undefined,
  chosen: Dataset,
  fields: Field[],
  tasks: Tasks,
): Document {
  // A first version of a dataset has no new files.
  const own = chosen.parent === null ? setAt(document, "data.files", undefined) : document;
  const named = { ...own, dataset: chosen.id, name: document.name ?? chosen.name };
  const start = untouched(document, before, fields, tasks);
  const task = tasks.of(getAt(document, "task.kind"));
  if (!start) return withTarget(named, task, chosen, before);
  if (task?.modality !== chosen.modality) return restart(named, startFor(tasks, chosen.modality, chosen));
  return restart(named, startOf(task, chosen, start.name));
}

/**
 * The document for another task: that task's recipe, in the same size as before. If the document starts from a
 * checkpoint, all settings except the task's own are kept.
 */
export function withTask(
  document: Document,
  kind: string,
  dataset: Dataset | undefined,
  fields: Field[],
  tasks: Tasks,
): Document {
  const task = tasks.of(kind);
  const started = getAt(document, "start") !== undefined;
  // The checkpoint's settings stay; only the task's own fields change.
  if (started) return { ...document, task: (task && startOf(task, dataset).task) ?? { kind } };
  if (!task || task.recipes.length === 0) return { ...document, task: { kind } };
  return restart(document, startOf(task, dataset, untouched(document, dataset, fields, tasks)?.name));
}

function scopeOf(document: Document): Scope {
  const scope = getAt(document, "start.scope");
  return scope === "weights" || scope === "encoder" || scope === "tokenizer" ? scope : "all";
}

/** Which checkpoint the document starts from; the recipes are for jobs that start from none. */
function Started({ checkpoint, scope, onFresh }: { checkpoint: string; scope: Scope; onFresh: () => void }) {
  const found = useQuery({ ...queries.checkpoint(checkpoint), enabled: IS_CHECKPOINT.test(checkpoint) }).data;
  return (
    <div className="notice task-mismatch" role="status">
      <Icon name="fork" />
      <div className="notice-body">
        <p>
          {found ? (
            <Origin job={"name" in found ? null : found.job} checkpoint={checkpoint} scope={scope} />
          ) : (
            "Starts from a checkpoint"
          )}
        </p>
        <p className="muted small">
          {scope === "tokenizer"
            ? "It begins with fresh weights, and reads text with the checkpoint’s tokenizer."
            : scope === "encoder"
              ? "It begins with the encoder’s weights alone; everything else is fresh. What the form leaves out and the encoder is made for is the checkpoint’s: sizes, form of the inputs, tokenizer."
              : scope === "weights"
                ? "It begins the same task anew with all weights of the checkpoint, and a fresh optimiser."
                : "It goes on with the same task: all weights, and the optimiser’s state."}
        </p>
      </div>
      <Button small onClick={onFresh}>
        Start afresh
      </Button>
    </div>
  );
}

interface StartFromProps {
  document: Document;
  dataset: Dataset | undefined;
  fields: Field[];
  onStart: (start: Document) => void;
  /** Called to start from no checkpoint. */
  onFresh: () => void;
}

/** The task's recipes, and a message if the task cannot learn from the chosen dataset. */
export function StartFrom({ document, dataset, fields, onStart, onFresh }: StartFromProps) {
  const tasks = useTasks();
  const task = tasks.of(getAt(document, "task.kind"));
  const first = dataset && startFor(tasks, dataset.modality, dataset);
  const checkpoint = getAt(document, "start.checkpoint");
  const proposed = first && tasks.of(getAt(first, "task.kind"));
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
      {typeof checkpoint === "string" ? (
        <Started checkpoint={checkpoint} scope={scopeOf(document)} onFresh={onFresh} />
      ) : (
        <div className="presets" role="group" aria-label="Start from">
          {startsOf(task, dataset).map((start) => (
            <button
              key={start.name}
              type="button"
              className="preset card"
              aria-pressed={same(document, start.document, fields)}
              onClick={() => onStart(start.document)}
            >
              <b>{start.title}</b>
              <span className="small faint">{start.description}</span>
            </button>
          ))}
        </div>
      )}
    </>
  );
}
