/** Every kind of short job: `kind` of each file in `kinds/`. */

import { queryOptions } from "@tanstack/react-query";
import { isTerminal } from "@/api/types";
import type { ShortJob, ShortJobKind } from "./kind";

const found = import.meta.glob<ShortJobKind>("./kinds/*.ts", { eager: true, import: "kind" });

/** The kind of a short job by its id; undefined for a job that trains. */
export const kindOf = (id: string): ShortJobKind | undefined =>
  Object.values(found).find((kind) => id.startsWith(`${kind.prefix}_`));

/** A query that polls a short job until it is over. */
export const follow = <T extends ShortJob>(kind: ShortJobKind<T>, id: string) =>
  queryOptions({
    queryKey: [kind.name, id],
    queryFn: ({ signal }): Promise<ShortJob> => kind.get(id, signal),
    refetchInterval: ({ state }) => (state.data && isTerminal(state.data.state) ? false : 50),
  });
