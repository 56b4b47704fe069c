/** A new job that starts from a checkpoint: which settings are kept, and which tasks can use an encoder. */

import type { Dataset, Job, UploadedCheckpoint } from "@/api/types";
import { hasClasses } from "@/pages/datasets/statistics";
import type { Task, Tasks } from "@/tasks/tasks";
import { getAt, setAt, type Document } from "./document";
import { startOf, withTarget } from "./recipes";

/** The network of the document's model: its preset, else the service's default. */
function networkOf(document: Document, tasks: Tasks): Task["networks"][number] | undefined {
  const preset = getAt(document, "model.preset");
  const architecture = getAt(document, "model.architecture");
  const own = tasks.of(getAt(document, "task.kind"))?.networks ?? [];
  const every = [...own, ...tasks.list.flatMap(({ networks }) => networks)];
  const named = every.find((network) => network.preset === preset);
  return named ?? own.find((network) => !architecture || network.architecture === architecture) ?? own[0];
}

/** The document of a new job that starts from the encoder in a checkpoint of a job. */
export function withEncoder(document: Document, checkpoint: string, tasks: Tasks): Document {
  const started: Document = { ...document, start: { checkpoint, scope: "encoder" } };
  // The preset is written out, because another task has another default.
  return setAt(started, "model.preset", networkOf(document, tasks)?.preset);
}

/** The document of a new job that goes on with an uploaded model: the service fills in its network and its tokenizer. */
export function withUploaded({ id, name, spec }: UploadedCheckpoint): Document {
  const document: Document = {
    name,
    task: { kind: spec.task.kind },
    start: { checkpoint: id, scope: "all" },
    training: { steps: 1000, sequence_length: Math.min(spec.training.sequence_length, 128) },
  };
  // An uploaded network of text has a tokenizer of its own, to which the form can add words.
  const ofText = spec.data.tokenizer.kind === "uploaded";
  return ofText ? setAt(document, "data.tokenizer.kind", "checkpoint") : document;
}

/** Architecture of the document's network; undefined for a task that the service does not know. */
const architectureOf = (document: Document, tasks: Tasks): string | undefined =>
  (getAt(document, "model.architecture") as string | null | undefined) ??
  networkOf(document, tasks)?.architecture;

const trains = (task: Task, architecture: string): boolean =>
  task.networks.some((network) => network.architecture === architecture);

/** The tasks that learn labels with the encoder of a checkpoint, by the spec that it was trained with. */
export function fineTuningTasks(spec: Job["spec"], tasks: Tasks): Task[] {
  const document = spec as unknown as Document;
  const architecture = architectureOf(document, tasks);
  const modality = tasks.of(spec.task.kind)?.modality;
  // Bottlenecks inside the blocks cannot be merged, so such an encoder cannot be taken over.
  if (architecture === undefined || getAt(document, "adaptation.method") === "adapters") return [];
  return tasks.list.filter(
    (task) => task.needs_labels && task.modality === modality && trains(task, architecture),
  );
}

/** What a checkpoint was trained with, and its name for people. */
export interface Source {
  checkpoint: string;
  name: string;
  spec: Job["spec"];
  /** Dataset of the job that wrote it; null for an uploaded model. */
  dataset: string | null;
}

/** Longest name of a job. */
const LONGEST = 200;
const SUFFIX = " (fine-tuned)";

/**
 * The document of a job that fine-tunes the encoder of a checkpoint. The service fills in what the weights decide: the
 * sizes of the network, the form of its inputs, the tokenizer.
 *
 * The dataset is that of the checkpoint if it has classes, else the first one of its modality that has.
 */
export function withFineTuning(source: Source, datasets: readonly Dataset[], tasks: Tasks): Document {
  const { checkpoint, name, spec } = source;
  const [task] = fineTuningTasks(spec, tasks);
  const modality = tasks.of(spec.task.kind)?.modality;
  const own = datasets.find(({ id }) => id === source.dataset);
  const labelled = [...(own ? [own] : []), ...datasets].find(
    (dataset) => dataset.modality === modality && hasClasses(dataset.statistics),
  );
  const document: Document = {
    ...(task && withTarget(startOf(task), task, labelled ?? own)),
    name: `${name.slice(0, LONGEST - SUFFIX.length)}${SUFFIX}`,
    dataset: (labelled ?? own)?.id,
    start: { checkpoint, scope: "encoder" },
    model: { architecture: architectureOf(spec as unknown as Document, tasks) },
  };
  return modality === "text" ? setAt(document, "data.tokenizer.kind", "checkpoint") : document;
}

/** Whether a task can be chosen for the document: all can, unless it starts with an encoder that the task does not train. */
export function fits(task: Task, document: Document, tasks: Tasks): boolean {
  if (getAt(document, "start.scope") !== "encoder") return true;
  const architecture = architectureOf(document, tasks);
  return architecture === undefined || trains(task, architecture);
}
