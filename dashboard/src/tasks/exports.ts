import type { Task } from "./tasks";

interface Spec {
  model: { preset?: string | null; architecture?: string | null };
}

/** The formats that the checkpoints of a job can be exported in. */
export function exportFormats(spec: Spec, task: Task | undefined): Task["exports"] {
  if (!task) return [];
  const { preset, architecture } = spec.model;
  const network = architecture ?? task.networks.find((one) => one.preset === preset)?.architecture;
  return task.exports.filter((one) => network === undefined || one.architectures.includes(network));
}
