/** The spec of a new lineage, from that of a job. */

import type { Job } from "@/api/types";

export type Method = "ewc" | "replay" | "lwf";

export const METHODS: { method: Method; title: string; help: string }[] = [
  {
    method: "ewc",
    title: "Elastic weight consolidation",
    help: "Holds weights that earlier stages need near their values. Needs no earlier data once a stage has run.",
  },
  {
    method: "replay",
    title: "Replay",
    help: "Mixes samples of the earlier datasets into each batch.",
  },
  {
    method: "lwf",
    title: "Learning without forgetting",
    help: "Holds the outputs on new data near those of the network before the stage.",
  },
];

/** The methods that a job uses; of one without any, replay. */
export function methodsOf(spec: Job["spec"]): Method[] {
  const continual = spec.continual;
  if (!continual) return ["replay"];
  return METHODS.map(({ method }) => method).filter((method) => continual[method]);
}

/** A job's spec for a lineage: without what the service fills in for each stage. */
export function specOfLineage(spec: Job["spec"], methods: Method[]): Record<string, unknown> {
  const kept = Object.entries(spec).filter(
    ([name, value]) => !["dataset", "name", "continual", "start", "version"].includes(name) && value !== null,
  );
  // Where the job is a stage itself, its start is the stage before, which a new lineage has not.
  const start = spec.continual || !spec.start ? {} : { start: spec.start };
  const tokenizer = spec.data.tokenizer;
  const data =
    tokenizer.kind === "checkpoint" && !("start" in start)
      ? { data: Object.fromEntries(Object.entries(spec.data).filter(([name]) => name !== "tokenizer")) }
      : {};
  const continual = Object.fromEntries(methods.map((method) => [method, spec.continual?.[method] ?? {}]));
  return { name: "lineage", ...Object.fromEntries(kept), ...start, ...data, continual };
}
