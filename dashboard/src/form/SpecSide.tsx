import { useState } from "react";
import type { ProblemDetail, Validation } from "@/api/types";
import { useTasks } from "@/tasks/context";
import { bytes, compact, NONE, parameters } from "@/lib/format";
import { toYaml } from "@/lib/yaml";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Icon } from "@/ui/Icon";
import { ErrorBox } from "@/ui/Notice";
import type { Document } from "./document";
import { EstimatePanel } from "./EstimatePanel";
import { titleOf } from "./fields";
import { PreviewPanel } from "./PreviewPanel";

const FORMS = ["YAML", "JSON", "curl"] as const;

/** Number of samples or tokens of all steps together, repetitions counted. */
const READ = { text: "Tokens read", image: "Images read", audio: "Clips read" } as const;

/** The same job for the command line, the SDK and the HTTP interface. */
function write(form: (typeof FORMS)[number], document: Document): string {
  if (form === "YAML") return toYaml(document);
  const json = JSON.stringify(document, null, 2);
  if (form === "JSON") return json;
  return `curl -X POST ${window.location.origin}/v1/jobs \\
  -H "Authorization: Bearer $SEEDBED_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${json.replaceAll("'", String.raw`'\''`)}'`;
}

/** The remaining problems as text; a form that was just opened shows no errors, only what is missing. */
function verdict({ valid, errors }: Validation): string {
  if (valid) return "Ready to run";
  if (errors.every((item) => item.code === "missing")) {
    return `Still needed: ${errors.map((item) => titleOf(item.param.split(".").at(-1) ?? "").toLowerCase()).join(", ")}`;
  }
  return errors.length === 1 ? "One field is wrong" : `${errors.length} fields are wrong or missing`;
}

function Verdict({ validation, checking }: { validation: Validation | undefined; checking: boolean }) {
  if (!validation) return <span className="verdict faint">Checking…</span>;
  return (
    <span
      className={`verdict verdict-${validation.valid ? "good" : "bad"}`}
      data-checking={checking}
      role="status"
    >
      <Icon name={validation.valid ? "check" : "alert"} />
      {verdict(validation)}
    </span>
  );
}

interface SpecSideProps {
  document: Document;
  validation: Validation | undefined;
  checking: boolean;
  /** Problems that no field shows; after an attempt to submit, all problems. */
  problems: ProblemDetail[];
  error: Error | null;
  busy: boolean;
}

/** The job's size and the resources that it needs, before it runs. */
export function SpecSide({ document, validation, checking, problems, error, busy }: SpecSideProps) {
  const tasks = useTasks();
  const [form, setForm] = useState<(typeof FORMS)[number]>("YAML");
  const training = validation?.spec?.training;
  const batch = training?.batch_size;
  // All values of one response: the form may have changed since.
  const modality = tasks.of(validation?.spec?.task.kind)?.modality ?? "text";
  // Unknown if the engine chooses the batch size, or finds the steps of the epochs.
  const steps = training?.steps ?? null;
  const samples = steps !== null && typeof batch === "number" ? steps * batch : null;
  const read = samples && modality === "text" ? samples * (training?.sequence_length ?? 0) : samples;
  const facts: [string, string][] = [
    [
      "Parameters",
      validation?.parameters ? parameters(validation.parameters, validation.trainable_parameters) : NONE,
    ],
    ["Peak memory", validation?.memory_bytes ? bytes(validation.memory_bytes) : NONE],
    [READ[modality], read === null ? NONE : compact(read)],
  ];
  return (
    <aside className="new-job-side">
      <div className="card side-card">
        <Verdict validation={validation} checking={checking} />
        <dl className="estimates num">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {problems.length > 0 && (
          <ul className="side-problems">
            {problems.map((item) => (
              <li key={item.param + item.code}>
                {item.param && <code>{item.param}</code>} {item.message}
              </li>
            ))}
          </ul>
        )}
        {validation?.warnings.map((item) => (
          <p key={item.param + item.code} className="field-warning">
            {item.param && <code>{item.param}</code>} {item.message}
          </p>
        ))}
        {error && <ErrorBox error={error} />}
        <Button look="primary" type="submit" icon="play" busy={busy}>
          Start the job
        </Button>
        <PreviewPanel document={document} valid={validation?.valid === true} />
        <EstimatePanel document={document} valid={validation?.valid === true} />
      </div>
      <div className="spec-view">
        <div className="segments" role="group" aria-label="Show as">
          {FORMS.map((name) => (
            <button key={name} type="button" aria-pressed={form === name} onClick={() => setForm(name)}>
              {name}
            </button>
          ))}
        </div>
        <CodeBlock label={`job as ${form}`} code={write(form, document)} />
        <p className="small faint">
          {form === "YAML" ? "Saved as job.yaml: seedbed job submit -f job.yaml" : ""}
        </p>
      </div>
    </aside>
  );
}
