/** Versions of a dataset: which there are, what each added, and the job that goes on with what is new. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Dataset, DatasetDetail } from "@/api/types";
import { bytes, count, integer, NONE } from "@/lib/format";
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
  const all = useQuery(queries.versions(dataset.id)).data?.data ?? [];
  if (all.length < 2) return null;
  return (
    <section className="stack versions" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <div className="table-card">
        <table className="table table-plain">
          <thead>
            <tr>
              <th>Version</th>
              <th className="cell-number">{MODALITIES[dataset.modality].samples}</th>
              <th className="cell-number">New</th>
              <th className="cell-number hide-small">Size</th>
              <th className="cell-number hide-small">New</th>
              <th className="cell-number hide-small">Created</th>
            </tr>
          </thead>
          <tbody>
            {all.map((version) => (
              <Row key={version.id} version={version} current={version.id === dataset.id} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ version, current }: { version: Dataset; current: boolean }) {
  return (
    <tr aria-current={current ? "page" : undefined}>
      <td className="cell-main">
        <Link href={`/datasets/${version.id}`} className="link">
          Version {version.version}
        </Link>
        <span className="cell-sub">
          <Name>{version.name}</Name>
          {version.state === "open" && " · still open"}
        </span>
      </td>
      <td className="cell-number">{integer(version.samples)}</td>
      <td className="cell-number">{version.added ? integer(version.added.samples) : NONE}</td>
      <td className="cell-number hide-small">{bytes(version.bytes)}</td>
      <td className="cell-number hide-small">{version.added ? bytes(version.added.bytes) : NONE}</td>
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
  const { sample } = MODALITIES[dataset.modality];
  return (
    <div className="notice new-data" role="status">
      <Icon name="fork" />
      <div className="notice-body">
        <p>
          This version added {count(dataset.added.samples, sample)}.{" "}
          <Link href={`/jobs/${job.id}`} className="link">
            <Name>{job.name}</Name>
          </Link>
          , trained on what was there before, can go on from step {integer(found.step ?? 0)}, its best
          checkpoint.
        </p>
      </div>
      <ButtonLink look="primary" icon="play" href={`/jobs/new?continue=${dataset.id}`}>
        New data came: continue
      </ButtonLink>
    </div>
  );
}
