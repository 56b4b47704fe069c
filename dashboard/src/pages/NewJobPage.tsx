import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { ApiError, client, idempotencyKey, unwrap } from "@/api/client";
import * as queries from "@/api/queries";
import type { Dataset, Job } from "@/api/types";
import { FormContext, type FormState } from "@/form/context";
import { DatasetField } from "@/form/DatasetField";
import { documentOf } from "@/form/copy";
import { enter, getAt, setAt, type Document } from "@/form/document";
import { fieldsOf, titleOf, type Field, type JsonSchema, type Leaf } from "@/form/fields";
import { inOrder, leavesOf, sectionsOf } from "@/form/layout";
import { LeafField } from "@/form/LeafField";
import { restart, startFor } from "@/form/recipes";
import { Section } from "@/form/Section";
import { SpecSide } from "@/form/SpecSide";
import { fits, withEncoder, withFineTuning, withUploaded, type Source } from "@/form/start";
import { StartFrom, withDataset, withTask } from "@/form/StartFrom";
import { asSpec, useValidation } from "@/form/useValidation";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { Back } from "@/ui/Back";
import { ErrorBox, Skeleton } from "@/ui/Notice";

const specOf = (job: Job): Document => ({ ...job.spec, dataset: job.dataset }) as unknown as Document;

export function NewJobPage() {
  useTitle("New job");
  const tasks = useTasks();
  const [search] = useSearchParams();
  const from = search.get("from");
  const schema = useQuery(queries.jobSchema);
  const source = useQuery({ ...queries.job(from ?? ""), enabled: from !== null });
  const goesOn = search.get("continue");
  const proposed = useQuery({ ...queries.continuation(goesOn ?? ""), enabled: goesOn !== null });
  const datasets = useInfiniteQuery(queries.datasets);
  const ready = datasets.data?.pages
    .flatMap((page) => page.data)
    .filter((dataset) => dataset.state === "ready");
  const fields = useMemo(() => (schema.data ? fieldsOf(schema.data as JsonSchema) : null), [schema.data]);

  const uploaded = search.get("checkpoint");
  const tuned = search.get("fine_tune");
  const begin = tuned ?? uploaded;
  const model = useQuery({ ...queries.checkpoint(begin ?? ""), enabled: begin !== null });
  const writer = tuned !== null && model.data && "job" in model.data ? model.data.job : null;
  const wrote = useQuery({ ...queries.job(writer ?? ""), enabled: writer !== null });

  const error =
    schema.error ?? datasets.error ?? source.error ?? proposed.error ?? model.error ?? wrote.error;
  const wanted = search.get("dataset") ?? goesOn;
  const named = ready?.find((dataset) => dataset.id === wanted);
  const chosen = named ?? (ready?.length === 1 ? ready[0] : undefined);
  // The list may be older than the completion of the named dataset; the form would start without it.
  const listed = wanted === null || named !== undefined || !datasets.isFetching;
  const loaded =
    fields &&
    ready &&
    listed &&
    (from === null || source.data) &&
    (goesOn === null || proposed.data) &&
    (begin === null || model.data) &&
    (writer === null || wrote.data);
  const encoder = search.get("encoder");
  const begun = (document: Document) => (encoder ? withEncoder(document, encoder, tasks) : document);
  const start = (): Document => {
    if (source.data && fields) return begun(documentOf(specOf(source.data), fields));
    if (proposed.data?.spec && fields) return documentOf(proposed.data.spec as Document, fields);
    const whole = model.data && "spec" in model.data ? model.data : undefined;
    const made: Omit<Source, "checkpoint"> | undefined = whole ? { ...whole, dataset: null } : wrote.data;
    if (tuned !== null && made) {
      const { name, spec, dataset } = made;
      const document = withFineTuning({ checkpoint: tuned, name, spec, dataset }, ready ?? [], tasks);
      return named ? { ...document, dataset: named.id } : document;
    }
    if (whole) return { ...withUploaded(whole), dataset: chosen?.id };
    return {
      ...startFor(tasks, chosen?.modality ?? "text", chosen),
      dataset: chosen?.id,
      name: chosen?.name,
    };
  };
  return (
    <div className="page">
      <Back href="/jobs">Jobs</Back>
      <div className="page-head">
        <h1>New job</h1>
      </div>
      {error && <ErrorBox error={error} />}
      {loaded ? (
        <JobForm key={search.toString()} fields={fields} datasets={ready} start={start()} />
      ) : (
        !error && <Skeleton width="100%" height={640} />
      )}
    </div>
  );
}

interface JobFormProps {
  fields: Field[];
  datasets: Dataset[];
  start: Document;
}

function JobForm({ fields, datasets, start }: JobFormProps) {
  const tasks = useTasks();
  const [, navigate] = useLocation();
  const [document, setDocument] = useState(start);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const ordered = useMemo(() => inOrder(document, fields), [document, fields]);
  const { validation, error: checkError, checking } = useValidation(ordered);
  // One idempotency key for one spec: pressing twice makes one job, a changed spec makes another.
  const [key, setKey] = useState(idempotencyKey);
  const submit = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/jobs", { params: { header: { "idempotency-key": key } }, body: asSpec(ordered) }),
      ),
    onSuccess: (job) => navigate(`/jobs/${job.id}`),
  });

  const change = (edit: (before: Document) => Document) => {
    submit.reset();
    setKey(idempotencyKey());
    setDocument(edit);
  };
  const learned = datasets.find((item) => item.id === document.dataset);
  const refused = submit.error instanceof ApiError ? submit.error.problem.errors : [];
  const errors = validation?.valid === false ? validation.errors : refused;
  const form: FormState = {
    value: (path) => getAt(document, path),
    set: (path, value) => change((before) => enter(before, path, value)),
    problems: (path) =>
      errors.filter((item) => item.param === path && (item.code !== "missing" || tried || left.has(path))),
    warnings: (path) => validation?.warnings.filter((item) => item.param === path) ?? [],
    leave: (path) => setLeft((before) => new Set([...before, path])),
    choose: (path, tag, variant) =>
      change((before) =>
        path === "task"
          ? withTask(before, variant, learned, fields, tasks)
          : setAt(before, path, { [tag]: variant }),
      ),
    fits: (task) => fits(task, document, tasks),
    modality: learned?.modality,
  };

  const leaf = (path: string) =>
    fields.find(
      (field): field is Leaf => field.path === path && field.kind !== "group" && field.kind !== "union",
    );
  const name = leaf("name");
  const dataset = leaf("dataset");
  const own = fields.filter(
    (field) =>
      field.kind !== "group" &&
      field.kind !== "union" &&
      !["name", "dataset", "version"].includes(field.path),
  );
  const sections = sectionsOf(fields, document, tasks);
  const known = new Set(leavesOf(fields).map((item) => item.path));
  const elsewhere = errors.filter((item) => !known.has(item.param));

  const onSubmit = () => {
    setTried(true);
    const [first] = errors;
    if (first && validation?.valid === false) {
      const field = window.document.querySelector<HTMLElement>(
        `[data-path="${CSS.escape(first.param)}"] :is(input, select)`,
      );
      field?.focus();
      return;
    }
    submit.mutate();
  };
  return (
    <FormContext value={form}>
      <form
        className="new-job"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <div className="new-job-form">
          <StartFrom
            document={document}
            dataset={learned}
            fields={fields}
            onStart={(start) => change((before) => restart(before, start))}
            onFresh={() => change((before) => setAt(before, "start", undefined))}
          />
          <section className="form-section card">
            <div className="form-section-head">
              <h2>Job</h2>
            </div>
            <div className="form-grid">
              {dataset && (
                <DatasetField
                  leaf={dataset}
                  datasets={datasets}
                  onChoose={(chosen) =>
                    change((before) => withDataset(before, learned, chosen, fields, tasks))
                  }
                />
              )}
              {name && <LeafField leaf={name} />}
            </div>
          </section>
          {sections.map((field) => (
            <Section
              key={field.path}
              title={titleOf(field.path)}
              help={field.help}
              fields={
                field.kind === "group"
                  ? field.path === "resources"
                    ? [...field.fields, ...own]
                    : field.fields
                  : [field]
              }
              document={document}
            />
          ))}
        </div>
        <SpecSide
          document={ordered}
          validation={validation}
          checking={checking}
          problems={tried ? errors : elsewhere}
          error={submit.error ?? checkError}
          busy={submit.isPending}
        />
      </form>
    </FormContext>
  );
}
