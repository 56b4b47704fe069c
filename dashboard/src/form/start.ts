/** A new job that starts from a checkpoint: which settings are kept, and which tasks can use an encoder. */

import type { UploadedCheckpoint } from "@/api/types";
import type { Task, Tasks } from "@/tasks/tasks";
import { getAt, setAt, type Document } from "./document";

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
  return {
    name,
    task: { kind: spec.task.kind },
    start: { checkpoint: id, scope: "all" },
    training: { steps: 1000, sequence_length: Math.min(spec.training.sequence_length, 128) },
  };
}

/** Whether a task can be chosen for the document: all can, unless it starts with an encoder that the task does not train. */
export function fits(task: Task, document: Document, tasks: Tasks): boolean {
  if (getAt(document, "start.scope") !== "encoder") return true;
  const network = networkOf(document, tasks);
  const architecture = getAt(document, "model.architecture") ?? network?.architecture;
  return !architecture || task.networks.some((one) => one.architecture === architecture);
}
