import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useLocation } from "wouter";
import { client, idempotencyKey, unwrap } from "@/api/client";
import { dataset as datasetQuery, datasets } from "@/api/queries";
import { count } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { Back } from "@/ui/Back";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { ErrorBox } from "@/ui/Notice";
import { ColumnField, readingBy } from "./ColumnField";
import { DialectFields, readingOf, type Dialect } from "./DialectFields";
import { DropZone } from "./DropZone";
import { MODALITIES, modalityOf, type Modality } from "./modality";
import { UploadList } from "./UploadList";
import { useUploads } from "./useUploads";

const nameFrom = (file: string): string => file.replace(/(\.[a-z0-9]{1,8})+$/i, "") || file;

/** A text on why this modality is chosen, or that it must be chosen. */
function holds(guess: Modality | null | undefined, modality: Modality | null): string {
  if (guess && guess === modality) return "By the files' names. It cannot be changed once they are stored.";
  if (guess === null && modality === null) return "The files' names do not tell: choose what they hold.";
  return modality === null
    ? "Follows from the files' names, where they tell."
    : "It cannot be changed once they are stored.";
}

/** The page to name, upload and complete a new dataset. */
export function NewDatasetPage() {
  useTitle("New dataset");
  const nameId = useId();
  const [, navigate] = useLocation();
  const [name, setName] = useState("");
  const [dataset, setDataset] = useState<string | null>(null);
  const [modality, setModality] = useState<Modality | null>(null);
  // The modality implied by the names, once there are files; null if they imply none.
  const [guess, setGuess] = useState<Modality | null | undefined>(undefined);
  const [key] = useState(idempotencyKey);
  const cache = useQueryClient();
  const [column, setColumn] = useState("");
  const [dialect, setDialect] = useState<Dialect>({});
  const uploads = useUploads(dataset, { ...readingBy(modality, column), ...readingOf(dialect) });

  const create = useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/v1/datasets", {
          params: { header: { "idempotency-key": key } },
          body: { name, modality: modality ?? "text" },
        }),
      ),
    onSuccess: (made) => setDataset(made.id),
  });
  const complete = useMutation({
    mutationFn: (id: string) =>
      unwrap(client.POST("/v1/datasets/{dataset}/complete", { params: { path: { dataset: id } } })),
    onSuccess: (ready) => {
      cache.setQueryData(datasetQuery(ready.id).queryKey, ready);
      void cache.invalidateQueries({ queryKey: datasets.queryKey });
      navigate(`/datasets/${ready.id}`);
    },
  });

  const files = (state: string) => uploads.list.filter((upload) => upload.state === state).length;
  const stored = files("stored");
  const moving = files("sending") + (dataset ? files("waiting") : 0);
  const addFiles = (added: File[]) => {
    if (added.length === 0) return;
    if (name === "" && added[0]) setName(nameFrom(added[0].name));
    uploads.add(added);
    if (dataset === null) {
      void modalityOf(added).then((found) => {
        setGuess(found);
        if (found) setModality(found);
      });
    }
  };
  return (
    <div className="page page-narrow">
      <Back href="/datasets">Datasets</Back>
      <div className="page-head">
        <h1>New dataset</h1>
      </div>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (dataset === null) create.mutate();
          else complete.mutate(dataset);
        }}
      >
        <DropZone onFiles={addFiles} {...(dataset === null || modality === null ? {} : { modality })} />
        <UploadList uploads={uploads} />
        <div>
          <span className="field-label" id={`${nameId}-holds`}>
            What the files hold
          </span>
          <div className="segments segments-field" role="radiogroup" aria-labelledby={`${nameId}-holds`}>
            {Object.entries(MODALITIES).map(([choice, { title }]) => (
              <label key={choice}>
                <input
                  type="radio"
                  name="modality"
                  checked={modality === choice}
                  disabled={dataset !== null}
                  onChange={() => setModality(choice as Modality)}
                />
                <span>{title}</span>
              </label>
            ))}
          </div>
          <p className="help" role="status">
            {holds(guess, modality)}
          </p>
        </div>
        <div>
          <label className="field-label" htmlFor={nameId}>
            Name
          </label>
          <input
            id={nameId}
            className="input"
            required
            dir="auto"
            placeholder="python-docs"
            value={name}
            disabled={dataset !== null}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <ColumnField modality={modality} files={uploads.list} value={column} onChange={setColumn} />
        <DialectFields modality={modality} files={uploads.list} value={dialect} onChange={setDialect} />
        {(create.error ?? complete.error) && <ErrorBox error={create.error ?? complete.error} />}
        <div className="form-end">
          {dataset === null ? (
            <Button
              look="primary"
              type="submit"
              icon="upload"
              busy={create.isPending}
              disabled={uploads.list.length === 0 || modality === null}
            >
              Upload {uploads.list.length > 0 && count(uploads.list.length, "file")}
            </Button>
          ) : (
            <>
              <span className="faint small">
                {moving > 0
                  ? "You can add more files meanwhile."
                  : "Once complete, a dataset never changes again."}
              </span>
              <Button
                look="primary"
                type="submit"
                icon="check"
                busy={complete.isPending}
                disabled={moving > 0 || stored === 0}
              >
                Complete with {count(stored, "file")}
              </Button>
            </>
          )}
        </div>
      </form>
      <section className="stack page-foot">
        <h2>From a terminal</h2>
        <CodeBlock label="command" code={"seedbed dataset upload corpus.txt\nseedbed dataset upload pets/"} />
      </section>
    </div>
  );
}
