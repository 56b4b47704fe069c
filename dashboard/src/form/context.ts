import { createContext, useContext } from "react";
import type { ProblemDetail } from "@/api/types";
import type { Json } from "@/lib/yaml";
import type { Modality, Task } from "@/tasks/tasks";

export interface FormState {
  value: (path: string) => Json | undefined;
  set: (path: string, value: Json | undefined) => void;
  /** The problems of exactly this field, once they are to be shown. */
  problems: (path: string) => ProblemDetail[];
  warnings: (path: string) => ProblemDetail[];
  leave: (path: string) => void;
  /** Chooses another variant of a union; the fields of the previous variant are removed. */
  choose: (path: string, tag: string, variant: string) => void;
  /** Whether a task can be chosen: with a start from an encoder, only those that train such a network. */
  fits: (task: Task) => boolean;
  /** Modality of the chosen dataset, once there is one. */
  modality: Modality | undefined;
}

export const FormContext = createContext<FormState | null>(null);

export function useForm(): FormState {
  const form = useContext(FormContext);
  if (!form) throw new Error("a field needs a form around it");
  return form;
}
