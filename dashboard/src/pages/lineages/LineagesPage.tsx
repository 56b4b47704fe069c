import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import * as queries from "@/api/queries";
import { useCanWrite } from "@/lib/session";
import { useTitle } from "@/lib/title";
import { useTasks } from "@/tasks/context";
import { Button, ButtonLink } from "@/ui/Button";
import { Empty, ErrorBox } from "@/ui/Notice";
import { Name } from "@/ui/Name";
import { Time } from "@/ui/Time";
import { LineageChip } from "./state";

/** Sequences of stages that learn one after another. */
export function LineagesPage() {
  useTitle("Lineages");
  const tasks = useTasks();
  const canWrite = useCanWrite();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.lineages,
  );
  const all = data?.pages.flatMap((page) => page.data);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Lineages</h1>
        {canWrite && (
          <ButtonLink icon="plus" href="/lineages/new">
            New lineage
          </ButtonLink>
        )}
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {all?.length === 0 && (
        <Empty icon="link" title="No lineages yet">
          <p className="muted">
            A lineage learns several datasets one after another, each stage from the weights of the one
            before, and shows what was forgotten.
          </p>
        </Empty>
      )}
      {all && all.length > 0 && (
        <div className="table-card">
          <table className="table table-plain">
            <thead>
              <tr>
                <th>State</th>
                <th>Name</th>
                <th className="hide-small">Task</th>
                <th className="cell-number">Stages</th>
                <th className="cell-number hide-small">Created</th>
              </tr>
            </thead>
            <tbody>
              {all.map((lineage) => (
                <tr key={lineage.id}>
                  <td>
                    <LineageChip state={lineage.state} />
                  </td>
                  <td className="cell-main">
                    <Link href={`/lineages/${lineage.id}`} className="link">
                      <Name>{lineage.name}</Name>
                    </Link>
                  </td>
                  <td className="hide-small">{tasks.of(lineage.task)?.title ?? lineage.task}</td>
                  <td className="cell-number">
                    {lineage.stages.filter(({ state }) => state === "succeeded").length} of{" "}
                    {lineage.stages.length}
                  </td>
                  <td className="cell-number hide-small">
                    <Time at={lineage.created_at} />
                  </td>
                </tr>
              ))}
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
    </div>
  );
}
