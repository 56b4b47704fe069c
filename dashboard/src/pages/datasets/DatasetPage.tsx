import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import * as queries from "@/api/queries";
import type { DatasetDetail } from "@/api/types";
import { bytes, compact, count, duration, integer, isolated, NONE, shortId } from "@/lib/format";
import { useTitle } from "@/lib/title";
import { Back } from "@/ui/Back";
import { CopyButton, Id } from "@/ui/Copy";
import { Name } from "@/ui/Name";
import { ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { AudioDetails } from "./AudioDetails";
import { DatasetActions } from "./DatasetActions";
import { ColumnField, readingBy } from "./ColumnField";
import { DialectFields, readingOf, type Dialect } from "./DialectFields";
import { DropZone } from "./DropZone";
import { FileNotes } from "./FileNotes";
import { FileTable } from "./FileTable";
import { ContactSheet } from "./Findings";
import { binsOf, Histogram } from "./Histogram";
import { ImageDetails } from "./ImageDetails";
import { MODALITIES, type Modality } from "./modality";
import { Scripts } from "./Scripts";
import { numberOf, repeatsOf, scriptsOf } from "./statistics";
import { UploadList } from "./UploadList";
import { TextLabels } from "./TextLabels";
import { useUploads } from "./useUploads";
import { NewData, Versions, VersionOf } from "./Versions";

/** Number of repeated documents, which training drops. */
function repeats(dataset: DatasetDetail): string {
  const number = repeatsOf(dataset.statistics);
  return number === undefined ? NONE : integer(number);
}

/** The statistics of a dataset, by its modality. */
function particulars(dataset: DatasetDetail | undefined): [string, string][] {
  if (!dataset || dataset.modality === "text") {
    return [
      ["Repeats", dataset ? repeats(dataset) : ""],
      ["Characters", dataset ? compact(dataset.characters) : ""],
    ];
  }
  const { classes, duplicates, hours } = dataset.statistics;
  const known: [string, string] = [
    "Classes",
    Array.isArray(classes) && classes.length > 1 ? integer(classes.length) : NONE,
  ];
  return dataset.modality === "audio"
    ? [known, ["Duration", duration(3600 * numberOf(hours))]]
    : [known, ["Repeats", integer(numberOf(duplicates))]];
}

function Facts({ dataset }: { dataset: DatasetDetail | undefined }) {
  const added = dataset?.added;
  // The value, and how much of it the version added.
  const facts: [name: string, value: string, added?: string][] = [
    ["Files", dataset ? integer(dataset.files) : "", added ? integer(added.files) : ""],
    [
      MODALITIES[dataset?.modality ?? "text"].samples,
      dataset ? integer(dataset.samples) : "",
      added ? integer(added.samples) : "",
    ],
    ...particulars(dataset),
    ["Size", dataset ? bytes(dataset.bytes) : "", added ? bytes(added.bytes) : ""],
  ];
  return (
    <dl className="tiles tiles-5">
      {facts.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="num">
            {dataset ? value : <Skeleton width={56} height={16} />}
            {more && <span className="fact-added">{more} new</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function PreviewList({ id, files }: { id: string; files: number }) {
  const { data, error, refetch } = useQuery(queries.preview(id, files));
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={240} />;
  return (
    <ol className="previews">
      {data.documents.map((document) => (
        <li key={`${document.file}/${document.index}`} className="card">
          <p className="preview-head small faint num">
            <span className="preview-name">
              <Name>{document.file}</Name>
              <span className="nowrap">· document {integer(document.index + 1)}</span>
            </span>
            <span className="nowrap">{count(document.characters, "character")}</span>
          </p>
          <pre className={document.text.length < document.characters ? "preview-cut" : undefined}>
            {document.text}
          </pre>
        </li>
      ))}
    </ol>
  );
}

function Uploader({ id, modality }: { id: string; modality: Modality }) {
  const [column, setColumn] = useState("");
  const [dialect, setDialect] = useState<Dialect>({});
  const uploads = useUploads(id, { ...readingBy(modality, column), ...readingOf(dialect) });
  return (
    <>
      <DropZone small modality={modality} onFiles={uploads.add} />
      <UploadList uploads={uploads} />
      <ColumnField modality={modality} files={uploads.list} value={column} onChange={setColumn} />
      <DialectFields modality={modality} files={uploads.list} value={dialect} onChange={setDialect} />
    </>
  );
}

export function DatasetPage({ id }: { id: string }) {
  const { data: dataset, error, refetch } = useQuery(queries.dataset(id));
  useTitle(dataset ? isolated(dataset.name) : "Dataset");
  if (error && !dataset) {
    return (
      <div className="page">
        <ErrorBox error={error} retry={() => void refetch()} />
      </div>
    );
  }
  const bins = dataset?.modality === "text" ? binsOf(dataset.statistics) : [];
  const scripts = dataset ? scriptsOf(dataset.statistics) : [];
  return (
    <div className="page">
      <Back href="/datasets">Datasets</Back>
      <div className="job-title">
        <h1 className="whole-name" dir="auto">
          {dataset ? <bdi title={dataset.name}>{dataset.name}</bdi> : <Skeleton width={180} height={20} />}
        </h1>
        {dataset && (
          <span className={`chip chip-${dataset.state}`}>
            <i className="dot" aria-hidden="true" />
            {dataset.state === "ready" ? "Ready" : "Open"}
          </span>
        )}
        {dataset && dataset.version > 1 && <span className="chip">Version {dataset.version}</span>}
        <div className="job-actions">{dataset && <DatasetActions dataset={dataset} />}</div>
      </div>
      <div className="job-meta">
        {dataset ? (
          <>
            <Id id={dataset.id} short={shortId(dataset.id)} />
            <VersionOf dataset={dataset} />
            <span>
              created <Time at={dataset.created_at} />
            </span>
            <span className="nowrap">
              SHA-256 <code>{dataset.sha256 ? dataset.sha256.slice(0, 12) : NONE}</code>
              {dataset.sha256 && <CopyButton text={dataset.sha256} label="Copy the SHA-256" />}
            </span>
          </>
        ) : (
          <Skeleton width={280} />
        )}
      </div>
      {dataset && <NewData dataset={dataset} />}
      <Facts dataset={dataset} />
      {dataset && <Versions dataset={dataset} />}
      {dataset && (
        <div className="dataset">
          <section className="stack">
            <h2>Files</h2>
            {dataset.state === "open" && <Uploader id={id} modality={dataset.modality} />}
            <FileTable dataset={dataset} />
            <FileNotes dataset={dataset} />
            {dataset.modality === "image" && <ImageDetails dataset={dataset} />}
            {dataset.modality === "audio" && <AudioDetails dataset={dataset} />}
            {dataset.modality === "text" && <TextLabels dataset={dataset} />}
            {bins.length > 0 && (
              <>
                <h2>Length of documents</h2>
                <div className="card histogram-card">
                  <Histogram bins={bins} />
                </div>
              </>
            )}
            {scripts.length > 0 && (
              <>
                <h2>Scripts</h2>
                <div className="card histogram-card">
                  <Scripts scripts={scripts} />
                </div>
              </>
            )}
          </section>
          <section className="stack">
            <h2>Preview</h2>
            {dataset.samples === 0 ? (
              <p className="faint">Samples show here once a file is stored.</p>
            ) : dataset.modality === "text" ? (
              <PreviewList id={id} files={dataset.files} />
            ) : (
              <ContactSheet dataset={dataset} />
            )}
          </section>
        </div>
      )}
    </div>
  );
}
