/** Title, unit and direction of a metric, by its name without the area before the slash. */

import type { Tasks } from "@/tasks/tasks";

export interface Meaning {
  title: string;
  format?: "value" | "percent" | "megabytes";
  /** Whether a logarithmic axis makes sense. */
  log?: boolean;
  /** How to read it, in a sentence. */
  hint?: string;
}

const FORMATS: Partial<Record<string, Meaning["format"]>> = { share: "percent", MB: "megabytes" };

const sentence = (name: string): string => {
  const words = name.replaceAll(/[/_]/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const IS_SHARE = /(_accuracy|_fraction|_probability)$/;
const IS_LOSS = /(^|_)loss$/;

/** For metrics that no task describes, these are derived from the name. */
export function meaningOf(name: string, tasks: Tasks): Meaning {
  const known = tasks.metric(name);
  if (known) {
    const format = FORMATS[known.unit ?? ""];
    return {
      title: known.title,
      ...(format && { format }),
      ...(known.logarithmic && { log: true }),
      ...(known.hint && { hint: known.hint }),
    };
  }
  if (name.startsWith("ema_")) {
    const { title, ...rest } = meaningOf(name.slice(4), tasks);
    return { ...rest, title: `${title}, averaged weights` };
  }
  return {
    title: sentence(name),
    ...(IS_SHARE.test(name) && { format: "percent" }),
    ...(IS_LOSS.test(name) && { log: true }),
  };
}
