import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import type { Dataset } from "@/api/types";
import { bytes, compact, count, duration, integer, NONE } from "@/lib/format";
import { useRowKeys } from "@/lib/shortcuts";
import { useTitle } from "@/lib/title";
import { Button, ButtonLink } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Name } from "@/ui/Name";
import { Empty, ErrorBox, Skeleton } from "@/ui/Notice";
import { Time } from "@/ui/Time";
import { MODALITIES } from "./modality";
import { numberOf } from "./statistics";
import { UsageCard } from "./UsageCard";

/** Amount of data, in the modality's unit. */
function extentOf({ modality, characters, statistics }: Dataset): string {
  const classes = numberOf(statistics.class_count);
  const hours = numberOf(statistics.hours);
  if (modality === "audio") return hours > 0 ? duration(3600 * hours) : NONE;
  if (modality === "image") return classes > 1 ? count(classes, "class", "classes") : NONE;
  return characters > 0 ? `${compact(characters)} characters` : NONE;
}

function Row({ dataset }: { dataset: Dataset }) {
  return (
    <tr className="row-link">
      <td className="cell-main">
        <Link href={`/datasets/${dataset.id}`} className="row-anchor" data-row-link>
          <Name>{dataset.name}</Name>
        </Link>
        {dataset.version > 1 && <span className="cell-sub">version {dataset.version}</span>}
      </td>
      <td>
        <span className={`chip chip-${dataset.state}`}>
          <i className="dot" aria-hidden="true" />
          {dataset.state === "ready" ? "Ready" : "Open"}
        </span>
      </td>
      <td className="hide-small">{MODALITIES[dataset.modality].title}</td>
      <td className="cell-number hide-small">{integer(dataset.files)}</td>
      <td className="cell-number hide-small">
        {dataset.samples ? count(dataset.samples, MODALITIES[dataset.modality].sample) : NONE}
      </td>
      <td className="cell-number hide-small">{extentOf(dataset)}</td>
      <td className="cell-number">{bytes(dataset.bytes)}</td>
      <td className="cell-number hide-small">
        <Time at={dataset.created_at} />
      </td>
    </tr>
  );
}

export function DatasetsPage() {
  useTitle("Datasets");
  useRowKeys();
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(queries.datasets);
  const all = data?.pages.flatMap((page) => page.data);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Datasets</h1>
        <ButtonLink look="primary" icon="upload" href="/datasets/new">
          New dataset
        </ButtonLink>
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {all?.length === 0 ? (
        <Empty icon="datasets" title="No datasets yet">
          <p className="muted">A dataset is what to learn from: text, images or recordings.</p>
          <ButtonLink look="primary" icon="upload" href="/datasets/new">
            Upload files
          </ButtonLink>
          <CodeBlock label="command" code="seedbed dataset upload corpus.txt" />
        </Empty>
      ) : (
        <div className="table-card">
          <table className="table table-datasets">
            <thead>
              <tr>
                <th>Name</th>
                <th>State</th>
                <th className="hide-small">Holds</th>
                <th className="cell-number hide-small">Files</th>
                <th className="cell-number hide-small">Samples</th>
                <th className="cell-number hide-small">Extent</th>
                <th className="cell-number">Size</th>
                <th className="cell-number hide-small">Created</th>
              </tr>
            </thead>
            <tbody>
              {isPending
                ? Array.from({ length: 5 }, (_, index) => (
                    <tr key={index}>
                      <td>
                        <Skeleton width={140} />
                      </td>
                      <td />
                      <td className="hide-small" colSpan={4} />
                      <td />
                      <td className="hide-small" />
                    </tr>
                  ))
                : all?.map((dataset) => <Row key={dataset.id} dataset={dataset} />)}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && (
        <div className="pager">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Older
          </Button>
        </div>
      )}
      {all && <UsageCard />}
    </div>
  );
}
