import { useState } from "react";
import type { Job } from "@/api/types";
import { toYaml, type Json } from "@/lib/yaml";
import { ButtonLink } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";

export function SpecTab({ job }: { job: Job }) {
  const [form, setForm] = useState<"yaml" | "json">("yaml");
  const spec = { ...job.spec, dataset: job.dataset } as unknown as Json;
  return (
    <div className="stack">
      <div className="toolbar">
        <div className="segments" role="group" aria-label="Format">
          {(["yaml", "json"] as const).map((name) => (
            <button key={name} type="button" aria-pressed={form === name} onClick={() => setForm(name)}>
              {name.toUpperCase()}
            </button>
          ))}
        </div>
        <ButtonLink icon="plus" href={`/jobs/new?from=${job.id}`}>
          New job from this
        </ButtonLink>
        <ButtonLink icon="link" href={`/lineages/new?from=${job.id}`}>
          New lineage from this
        </ButtonLink>
      </div>
      <CodeBlock label="spec" code={form === "yaml" ? toYaml(spec) : JSON.stringify(spec, null, 2)} />
    </div>
  );
}
