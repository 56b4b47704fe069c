/** Versions of a dataset: which there are, what each added, and the job that goes on with what is new. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Dataset, DatasetDetail } from "@/api/types";
import { bytes, count, integer } from "@/lib/format";
import { useCanWrite } from "@/lib/session";
import { ButtonLink } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { Name } from "@/ui/Name";
import { Time } from "@/ui/Time";
import { MODALITIES } from "./modality";

/** Which dataset this one is a version of; its parent may be deleted. */
export function VersionOf({ dataset }: { dataset: Dataset }) {
  const all = useQuery({ ...queries.versions(dataset.id), enabled: dataset.parent !== null }).data?.data;
  if (dataset.parent === null || !all) return null;
  const parent = all.find(({ id }) => id === dataset.parent);
  return parent ? (
    <Link href={`/datasets/${parent.id}`} className="link origin">
      <Icon name="fork" /> version {parent.version} and what was added
    </Link>
  ) : (
    <span>version {dataset.version - 1}, which was deleted, and what was added</span>
  );
}

/** All versions of a dataset that has several. */
export function Versions({ dataset }: { dataset: DatasetDetail }) {
  const listed = useQuery(queries.versions(dataset.id)).data?.data ?? [];
  if (listed.length < 2) return null;
  // Of this one the page knows more recent numbers while files are added.
  const all = listed.map((version) => (version.id === dataset.id ? dataset : version));
  const named = all.some(({ name }) => name !== dataset.name);
  return (
    <section className="stack versions" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <div className="table-card">
        <table className="table table-plain">
          <thead>
            <tr>
              <th>Version</th>
              <th className="cell-number">{MODALITIES[dataset.modality].samples}</th>
              <th className="cell-number">Size</th>
              <th className="cell-number hide-small">Created</th>
            </tr>
          </thead>
          <tbody>
            {all.map((version) => (
              <Row
                key={version.id}
                version={version}
                current={version.id === dataset.id}
                name={named ? version.name : undefined}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface RowProps {
  version: Dataset;
  current: boolean;
  /** Undefined where all versions have the same. */
  name: string | undefined;
}

function Row({ version, current, name }: RowProps) {
  const { added } = version;
  return (
    <tr aria-current={current ? "page" : undefined}>
      <td className="cell-main">
        <span className="version-name">
          {current ? (
            <b>Version {version.version}</b>
          ) : (
            <Link href={`/datasets/${version.id}`} className="link">
              Version {version.version}
            </Link>
          )}
          {version.state === "open" && (
            <span className="chip chip-open">
              <i className="dot" aria-hidden="true" />
              Open
            </span>
          )}
        </span>
        {name !== undefined && (
          <span className="cell-sub">
            <Name>{name}</Name>
          </span>
        )}
      </td>
      <td className="cell-number">
        {integer(version.samples)}
        {added && <span className="cell-sub">{integer(added.samples)} new</span>}
      </td>
      <td className="cell-number">
        {bytes(version.bytes)}
        {added && <span className="cell-sub">{bytes(added.bytes)} new</span>}
      </td>
      <td className="cell-number hide-small">
        <Time at={version.created_at} />
      </td>
    </tr>
  );
}

/** Offers the job that goes on with what a version added, where an earlier version has a checkpoint. */
export function NewData({ dataset }: { dataset: DatasetDetail }) {
  const canWrite = useCanWrite();
  const enabled = canWrite && dataset.state === "ready" && (dataset.added?.samples ?? 0) > 0;
  const found = useQuery({ ...queries.continuation(dataset.id), enabled }).data;
  const job = useQuery({ ...queries.job(found?.job ?? ""), enabled: Boolean(found?.job) }).data;
  if (!found?.spec || !job || !dataset.added) return null;
  return (
    <div className="notice new-data" role="status">
      <Icon name="fork" />
      <div className="notice-body">
        <p>
          <b>{count(dataset.added.samples, MODALITIES[dataset.modality].sample)}</b> are new since{" "}
          <Link href={`/jobs/${job.id}`} className="link">
            <bdi>{job.name}</bdi>
          </Link>{" "}
          was trained.
        </p>
        <p className="muted small">
          It can go on from its best checkpoint, at step {integer(found.step ?? 0)}. You can change the job
          before it starts.
        </p>
      </div>
      <ButtonLink look="primary" icon="play" href={`/jobs/new?continue=${dataset.id}`}>
        New data came: continue
      </ButtonLink>
    </div>
  );
}
