/** A new job that starts from a checkpoint: what of its document stays, and which tasks can take an encoder. */

import type { Task, Tasks } from "@/tasks/tasks";
import { getAt, setAt, type Document } from "./document";

/** The network that the document's model is a size of: the preset that it names, else the one that the service takes. */
function networkOf(document: Document, tasks: Tasks): Task["networks"][number] | undefined {
  const preset = getAt(document, "model.preset");
  const architecture = getAt(document, "model.architecture");
  const own = tasks.of(getAt(document, "task.kind"))?.networks ?? [];
  const every = [...own, ...tasks.list.flatMap(({ networks }) => networks)];
  const named = every.find((network) => network.preset === preset);
  return named ?? own.find((network) => !architecture || network.architecture === architecture) ?? own[0];
}

/** A job's document for a new job that begins with the encoder in one of its checkpoints. */
export function withEncoder(document: Document, checkpoint: string, tasks: Tasks): Document {
  const started: Document = { ...document, start: { checkpoint, scope: "encoder" } };
  // Named, since another task has another default.
  return setAt(started, "model.preset", networkOf(document, tasks)?.preset);
}

/** Whether a task can be chosen for the document: all can, unless it starts with an encoder that the task does not train. */
export function fits(task: Task, document: Document, tasks: Tasks): boolean {
  if (getAt(document, "start.scope") !== "encoder") return true;
  const network = networkOf(document, tasks);
  const architecture = getAt(document, "model.architecture") ?? network?.architecture;
  return !architecture || task.networks.some((one) => one.architecture === architecture);
}
