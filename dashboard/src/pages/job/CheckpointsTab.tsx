import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import * as queries from "@/api/queries";
import { isTerminal, type Checkpoint, type Export, type Job } from "@/api/types";
import { meaningOf } from "@/charts/metrics";
import { fineTuningTasks } from "@/form/start";
import { bytes, count, integer, metric, percent, shortId } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { useTasks } from "@/tasks/context";
import type { Task, Tasks } from "@/tasks/tasks";
import { exportFormats } from "@/tasks/exports";
import { ButtonLink } from "@/ui/Button";
import { CodeBlock, CopyButton, Id } from "@/ui/Copy";
import { Icon } from "@/ui/Icon";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";
import { ModelCard } from "@/ui/ModelCard";
import { Time } from "@/ui/Time";
import { DeleteCheckpoint } from "./DeleteCheckpoint";
import { EvaluateAction } from "./EvaluateAction";
import { Exports } from "./ExportAction";
import { figuresOf } from "./tiles";

const value = (checkpoint: Checkpoint, name: string): number | null => {
  const found: unknown = checkpoint.metrics[name];
  return typeof found === "number" ? found : null;
};

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

function Files({ checkpoint }: { checkpoint: Checkpoint }) {
  return (
    <ul className="files">
      {checkpoint.files.map((file) => (
        <li key={file.path}>
          <a
            className="link mono truncate"
            download
            href={`/v1/checkpoints/${checkpoint.id}/files/${encodePath(file.path)}`}
          >
            {file.path}
          </a>
          <span className="faint num nowrap">{bytes(file.bytes)}</span>
          <span className="files-hash faint mono" title={file.sha256}>
            {file.sha256.slice(0, 12)}
            <CopyButton text={file.sha256} label={`Copy the SHA-256 of ${file.path}`} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The metric that is shown of a checkpoint besides its loss: the first of the task's own metrics that an evaluation measures. */
interface Figure {
  title: string;
  series: string;
  /** Whether it is shown in percent. */
  share: boolean;
}

function figureOf(task: Task | undefined, tasks: Tasks, newest: Checkpoint | undefined): Figure | undefined {
  const [own] = figuresOf(task, tasks, newest?.metrics ?? {}).filter(([, series]) =>
    series.startsWith("eval/"),
  );
  if (!own) return undefined;
  const [title, series] = own;
  return { title, series, share: meaningOf(series.slice("eval/".length), tasks).format === "percent" };
}

interface RowProps {
  modality: string | undefined;
  checkpoint: Checkpoint;
  /** Whether a task that learns labels can start from it. */
  tunable: boolean;
  figure: Figure | undefined;
  /** The formats that it can be exported in. */
  formats: Task["exports"];
  /** Its exports, newest first. */
  made: Export[];
  open: boolean;
  toggle: () => void;
}

function Row({ checkpoint, tunable, figure, formats, made, modality, open, toggle }: RowProps) {
  const canWrite = useCanWrite();
  const found = figure && value(checkpoint, figure.series);
  return (
    <li className="checkpoint">
      <div className="checkpoint-row">
        <button type="button" className="checkpoint-toggle" aria-expanded={open} onClick={toggle}>
          <Icon name="chevron" />
          <span>
            <b className="num">Step {integer(checkpoint.step)}</b>
            <span className="cell-sub">
              <Time at={checkpoint.created_at} />
            </span>
          </span>
        </button>
        <dl className="checkpoint-facts num">
          <div>
            <dt>Held-out loss</dt>
            <dd>{metric(value(checkpoint, "eval/loss"))}</dd>
          </div>
          {figure && (
            <div>
              <dt>{figure.title}</dt>
              <dd>
                {found !== null && found !== undefined && figure.share
                  ? percent(found, 1)
                  : metric(found ?? null)}
              </dd>
            </div>
          )}
          <div>
            <dt>Size</dt>
            <dd>{bytes(checkpoint.bytes)}</dd>
          </div>
        </dl>
        <ButtonLink
          icon="play"
          href={`/jobs/${checkpoint.job}/playground?checkpoint=${checkpoint.id}`}
          label={`Try out the checkpoint of step ${checkpoint.step}`}
        >
          Try
        </ButtonLink>
        {tunable && (
          <ButtonLink
            icon="fork"
            href={`/jobs/new?fine_tune=${checkpoint.id}`}
            label={`Fine-tune the checkpoint of step ${checkpoint.step}`}
          >
            Fine-tune
          </ButtonLink>
        )}
        <ButtonLink
          download
          icon="download"
          href={`/v1/checkpoints/${checkpoint.id}/archive`}
          label={`Download the checkpoint of step ${checkpoint.step} as a zip`}
        >
          Zip
        </ButtonLink>
      </div>
      {open && (
        <div className="checkpoint-files">
          <div className="export-row">
            <p className="faint small">
              <Id id={checkpoint.id} short={shortId(checkpoint.id)} /> ·{" "}
              {count(checkpoint.files.length, "file")}
            </p>
            <ModelCard checkpoint={checkpoint.id} />
          </div>
          <Files checkpoint={checkpoint} />
          <Exports checkpoint={checkpoint} formats={formats} made={made} />
          <EvaluateAction checkpoint={checkpoint} modality={modality} />
          {canWrite && (
            <div className="export">
              <div className="export-row">
                <div>
                  <b>Storage</b>
                  <p className="faint small">
                    A checkpoint that is not needed any more can be deleted: {bytes(checkpoint.bytes)}.
                  </p>
                </div>
                <DeleteCheckpoint checkpoint={checkpoint} />
              </div>
            </div>
          )}
        </div>
      )}
    </li>
  );
}

/** The most likely way to open a checkpoint of an unknown task. */
const UNKNOWN: Task["opening"] = {
  loader: "AutoModel",
  code: `from transformers import AutoModel

model = AutoModel.from_pretrained("{folder}")`,
};

function HowToOpen({ checkpoint, opening }: { checkpoint: Checkpoint; opening: Task["opening"] }) {
  const folder = `${checkpoint.job}-step-${String(checkpoint.step).padStart(8, "0")}`;
  return (
    <section className="stack">
      <h2>Open it</h2>
      <CodeBlock label="command" wrap code={`seedbed checkpoint download ${checkpoint.id}`} />
      <p className="muted small">Or download the zip, unpack it, and in Python:</p>
      <CodeBlock label="Python code" wrap code={opening.code.replaceAll("{folder}", folder)} />
      <p className="muted small">
        The folder is an ordinary Hugging Face model: <code>{opening.loader}.from_pretrained</code> takes it
        as it is.
      </p>
    </section>
  );
}

export function CheckpointsTab({ job }: { job: Job }) {
  const { data, error, refetch } = useQuery(queries.checkpoints(job.id));
  const exports = useQuery(queries.exportsOf(job.id)).data?.data;
  const [open, setOpen] = useState<string | null>(null);
  const tasks = useTasks();
  const task = tasks.of(job.spec.task.kind);
  const figure = figureOf(task, tasks, data?.data[0]);
  const formats = exportFormats(job.spec, task);
  const canWrite = useCanWrite();
  const tunable = canWrite && fineTuningTasks(job.spec, tasks).length > 0;
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton width="100%" height={220} />;
  const [newest] = data.data;
  if (!newest) {
    return (
      <Empty icon="download" title="No checkpoint yet">
        <p className="muted">
          {isTerminal(job.state)
            ? "The job ended before it wrote one."
            : "The first comes when training reaches its step; the last step always writes one."}
        </p>
      </Empty>
    );
  }
  return (
    <div className="checkpoints">
      <ul className="card">
        {data.data.map((checkpoint) => (
          <Row
            key={checkpoint.id}
            checkpoint={checkpoint}
            tunable={tunable}
            figure={figure}
            modality={task?.modality}
            formats={formats}
            made={exports?.filter((made) => made.checkpoint === checkpoint.id) ?? []}
            open={(open ?? newest.id) === checkpoint.id}
            toggle={() => setOpen((before) => ((before ?? newest.id) === checkpoint.id ? "" : checkpoint.id))}
          />
        ))}
      </ul>
      <HowToOpen checkpoint={newest} opening={task?.opening ?? UNKNOWN} />
    </div>
  );
}
