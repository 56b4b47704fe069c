import { createContext, useContext } from "react";
import type { ProblemDetail } from "@/api/types";
import type { Json } from "@/lib/yaml";

export interface FormState {
  value: (path: string) => Json | undefined;
  set: (path: string, value: Json | undefined) => void;
  /** What is wrong with exactly this field, once it is time to say so. */
  problems: (path: string) => ProblemDetail[];
  warnings: (path: string) => ProblemDetail[];
  leave: (path: string) => void;
}

export const FormContext = createContext<FormState | null>(null);

export function useForm(): FormState {
  const form = useContext(FormContext);
  if (!form) throw new Error("a field needs a form around it");
  return form;
}
