import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Dataset, Job } from "@/api/types";
import { bytes, isolated } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { Back } from "@/ui/Back";
import { Button } from "@/ui/Button";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { methodsOf, METHODS, specOfLineage, type Method } from "./spec";

function Datasets({
  chosen,
  datasets,
  onChange,
}: {
  chosen: string[];
  datasets: Dataset[];
  onChange: (chosen: string[]) => void;
}) {
  const names = new Map(datasets.map((dataset) => [dataset.id, dataset.name]));
  const moved = (from: number, to: number) => {
    const next = [...chosen];
    next.splice(to, 0, ...next.splice(from, 1));
    onChange(next);
  };
  return (
    <div className="stack">
      <ol className="lineage-datasets">
        {chosen.map((id, position) => (
          // A dataset may come twice, so its place is a part of the key.
          <li key={`${position} ${id}`}>
            <span className="cell-main truncate">{isolated(names.get(id) ?? id)}</span>
            <Button
              small
              aria-label={`Move stage ${position + 1} up`}
              disabled={position === 0}
              onClick={() => moved(position, position - 1)}
            >
              ↑
            </Button>
            <Button
              small
              aria-label={`Move stage ${position + 1} down`}
              disabled={position === chosen.length - 1}
              onClick={() => moved(position, position + 1)}
            >
              ↓
            </Button>
            <Button
              small
              icon="close"
              aria-label={`Leave stage ${position + 1} out`}
              onClick={() => onChange(chosen.filter((_, other) => other !== position))}
            />
          </li>
        ))}
      </ol>
      <div className="field">
        <label htmlFor="add-stage" className="field-label">
          {chosen.length === 0 ? "First dataset" : "Next dataset"}
        </label>
        <select
          id="add-stage"
          className="input"
          value=""
          onChange={(event) => onChange([...chosen, event.target.value])}
        >
          <option value="">Choose…</option>
          {datasets.map((dataset) => (
            <option key={dataset.id} value={dataset.id}>
              {isolated(dataset.name)} ({bytes(dataset.bytes)})
            </option>
          ))}
        </select>
        <p className="help">Stages learn in this order. Each starts from the weights of the one before.</p>
      </div>
    </div>
  );
}

function LineageForm({ job, datasets }: { job: Job; datasets: Dataset[] }) {
  const [, navigate] = useLocation();
  const [name, setName] = useState(job.name);
  const [chosen, setChosen] = useState(datasets.some(({ id }) => id === job.dataset) ? [job.dataset] : []);
  const [methods, setMethods] = useState<Method[]>(methodsOf(job.spec));
  const [key, setKey] = useState(idempotencyKey);
  const submit = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/lineages", {
          params: { header: { "idempotency-key": key } },
          body: { name, spec: specOfLineage(job.spec, methods), datasets: chosen },
        }),
      ),
    onSuccess: (lineage) => navigate(`/lineages/${lineage.id}`),
  });
  const changed = <Value,>(set: (value: Value) => void) => {
    return (value: Value) => {
      submit.reset();
      setKey(idempotencyKey());
      set(value);
    };
  };
  const toggle = (method: Method, on: boolean) =>
    changed(setMethods)(on ? [...methods, method] : methods.filter((other) => other !== method));
  return (
    <form
      className="stack lineage-form"
      onSubmit={(event) => {
        event.preventDefault();
        submit.mutate();
      }}
    >
      <section className="form-section card">
        <div className="form-section-head">
          <h2>Stages</h2>
        </div>
        <Datasets chosen={chosen} datasets={datasets} onChange={changed(setChosen)} />
      </section>
      <section className="form-section card">
        <div className="form-section-head">
          <h2>Against forgetting</h2>
        </div>
        <div className="stack">
          {METHODS.map(({ method, title, help }) => (
            <div key={method} className="lineage-method">
              <input
                id={`method-${method}`}
                type="checkbox"
                checked={methods.includes(method)}
                aria-describedby={`method-${method}-help`}
                onChange={(event) => toggle(method, event.target.checked)}
              />
              <div>
                <label htmlFor={`method-${method}`}>
                  <b>{title}</b>
                </label>
                <p id={`method-${method}-help`} className="help">
                  {help}
                </p>
              </div>
            </div>
          ))}
          <p className="help">Forgetting is measured in any case.</p>
        </div>
      </section>
      <section className="form-section card">
        <div className="form-section-head">
          <h2>Lineage</h2>
        </div>
        <div className="form-grid">
          <div className="field">
            <label htmlFor="lineage-name" className="field-label">
              Name
            </label>
            <input
              id="lineage-name"
              className="input"
              required
              value={name}
              onChange={(event) => changed(setName)(event.target.value)}
            />
          </div>
        </div>
      </section>
      {submit.error && <ErrorBox error={submit.error} />}
      <div>
        <Button look="primary" type="submit" busy={submit.isPending} disabled={chosen.length < 2}>
          Submit {chosen.length < 2 ? "the stages" : `${chosen.length} stages`}
        </Button>
      </div>
    </form>
  );
}

/** A new lineage: the spec of a job, on several datasets in order. */
export function NewLineagePage() {
  useTitle("New lineage");
  const [search, setSearch] = useSearchParams();
  const from = search.get("from");
  const recent = useQuery(queries.jobs({ states: [], name: "" }));
  const source = useQuery({ ...queries.job(from ?? ""), enabled: from !== null });
  const datasets = useInfiniteQuery(queries.datasets);
  const tasks = useQuery(queries.tasks).data;
  const job = source.data;
  const modality = job && tasks?.of(job.spec.task.kind)?.modality;
  const ready = datasets.data?.pages
    .flatMap((page) => page.data)
    .filter((dataset) => dataset.state === "ready" && (!modality || dataset.modality === modality));
  const error = recent.error ?? source.error ?? datasets.error;
  return (
    <div className="page page-narrow">
      <Back href="/lineages">Lineages</Back>
      <div className="page-head">
        <h1>New lineage</h1>
      </div>
      {error && <ErrorBox error={error} />}
      <div className="stack">
        <section className="form-section card">
          <div className="form-section-head">
            <h2>Spec</h2>
          </div>
          <div className="field">
            <label htmlFor="lineage-source" className="field-label">
              The spec of the job
            </label>
            <select
              id="lineage-source"
              className="input"
              value={from ?? ""}
              onChange={(event) => setSearch({ from: event.target.value }, { replace: true })}
            >
              <option value="">Choose a job…</option>
              {job && !recent.data?.data.some(({ id }) => id === job.id) && (
                <option value={job.id}>{isolated(job.name)}</option>
              )}
              {recent.data?.data.map(({ id, name, task }) => (
                <option key={id} value={id}>
                  {isolated(name)} ({task})
                </option>
              ))}
            </select>
            <p className="help">Every stage is trained as this job was: the same task, network and steps.</p>
          </div>
        </section>
        {from !== null && job && ready && <LineageForm key={job.id} job={job} datasets={ready} />}
        {from !== null && (!job || !ready) && !error && <Skeleton width="100%" height={420} />}
      </div>
    </div>
  );
}
