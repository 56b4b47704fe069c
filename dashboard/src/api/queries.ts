/** The queries of the pages: one function for each resource, so that each cache key is defined once. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { Tasks } from "@/tasks/tasks";
import { isTerminal, type Job, type JobEvent, type JobState, type Log, type Sample } from "./types";

export const session = queryOptions({
  queryKey: ["session"],
  queryFn: () => unwrap(client.GET("/v1/session")),
  staleTime: 60_000,
  retry: false,
});

export interface JobFilter {
  states: JobState[];
  name: string;
  dataset?: string;
  cursor?: string;
}

export const PAGE = 50;

export const jobs = (filter: JobFilter) =>
  queryOptions({
    queryKey: ["jobs", filter],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/jobs", {
          params: {
            query: {
              limit: PAGE,
              ...(filter.states.length > 0 && { state: filter.states }),
              ...(filter.name && { name: filter.name }),
              ...(filter.dataset && { dataset: filter.dataset }),
              ...(filter.cursor && { cursor: filter.cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.data.some((job) => !isTerminal(job.state)) ? 2500 : 10_000),
  });

export const job = (id: string) =>
  queryOptions({
    queryKey: ["job", id],
    queryFn: ({ signal }) => unwrap(client.GET("/v1/jobs/{job}", { params: { path: { job: id } }, signal })),
  });

export interface MetricsRange {
  from?: number;
  to?: number;
  maxPoints: number;
}

export const metrics = (id: string, range: MetricsRange) =>
  queryOptions({
    queryKey: ["metrics", id, range],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/jobs/{job}/metrics", {
          params: {
            path: { job: id },
            query: {
              max_points: range.maxPoints,
              ...(range.from !== undefined && { from_step: range.from }),
              ...(range.to !== undefined && { to_step: range.to }),
            },
          },
          signal,
        }),
      ),
    placeholderData: (previous, query) => (query?.queryKey[1] === id ? previous : undefined),
    staleTime: Infinity,
  });

/** All events, oldest first; the stream adds the new ones. */
export const events = (id: string) =>
  queryOptions({
    queryKey: ["events", id],
    queryFn: async ({ signal }) => {
      const all: JobEvent[] = [];
      for (;;) {
        const page = await unwrap(
          client.GET("/v1/jobs/{job}/events", {
            params: { path: { job: id }, query: { limit: 200, after: all.at(-1)?.id ?? 0 } },
            signal,
          }),
        );
        all.push(...page.data);
        if (!page.has_more || page.data.length === 0) return all;
      }
    },
  });

export const log = (id: string, attempt: number | undefined, live: boolean) =>
  queryOptions({
    queryKey: ["log", id, attempt],
    queryFn: async ({ signal }) => {
      const query = attempt === undefined ? {} : { attempt };
      // The response is text only if the whole log is requested.
      return (await unwrap(
        client.GET("/v1/jobs/{job}/logs", { params: { path: { job: id }, query }, signal }),
      )) as Log;
    },
    refetchInterval: live ? 2000 : false,
  });

export const checkpoints = (id: string) =>
  queryOptions({
    queryKey: ["checkpoints", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/jobs/{job}/checkpoints", {
          params: { path: { job: id }, query: { limit: 200 } },
          signal,
        }),
      ),
  });

/** One checkpoint. Only a deletion changes it. */
export const checkpoint = (id: string) =>
  queryOptions({
    queryKey: ["checkpoint", id],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/v1/checkpoints/{checkpoint}", { params: { path: { checkpoint: id } }, signal })),
    staleTime: Infinity,
  });

/** The model card of a checkpoint as Markdown. It changes when more is known of the checkpoint. */
export const modelCard = (id: string) =>
  queryOptions({
    queryKey: ["model-card", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/checkpoints/{checkpoint}/card", {
          params: { path: { checkpoint: id } },
          parseAs: "text",
          signal,
        }),
      ),
  });

/** All samples of the job, by step. */
export const samples = (id: string) =>
  queryOptions({
    queryKey: ["samples", id],
    queryFn: async ({ signal }) => {
      const all: Sample[] = [];
      let after = 0;
      for (;;) {
        const page = await unwrap(
          client.GET("/v1/jobs/{job}/samples", {
            params: { path: { job: id }, query: { limit: 200, after } },
            signal,
          }),
        );
        all.push(...page.data);
        if (!page.has_more || !page.next) break;
        after = Number(page.next);
      }
      return all.sort((one, other) => one.step - other.step || one.name.localeCompare(other.name));
    },
  });

/** A sample's text. The content of an id never changes, so it is requested once. */
export const sampleText = (id: string) =>
  queryOptions({
    queryKey: ["sample-text", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/samples/{sample}/content", {
          params: { path: { sample: id } },
          parseAs: "text",
          signal,
        }),
      ),
    staleTime: Infinity,
  });

/** A report of a job's newest evaluation. One that changes has another id. */
export const reportDocument = (id: string) =>
  queryOptions({
    queryKey: ["report", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/samples/{sample}/content", { params: { path: { sample: id } }, signal }),
      ) as Promise<unknown>,
    staleTime: Infinity,
  });

export const exportsOf = (id: string) =>
  queryOptions({
    queryKey: ["exports", id],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/v1/jobs/{job}/exports", { params: { path: { job: id } }, signal })),
    refetchInterval: ({ state }) => (state.data?.data.some((made) => !isTerminal(made.state)) ? 1000 : false),
  });

export const evaluationsOf = (id: string) =>
  queryOptions({
    queryKey: ["evaluations", id],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/v1/jobs/{job}/evaluations", { params: { path: { job: id } }, signal })),
    refetchInterval: ({ state }) => (state.data?.data.some((made) => !isTerminal(made.state)) ? 1000 : false),
  });

/** A text that a preview shows. It never changes. */
export const previewText = (id: string, name: string) =>
  queryOptions({
    queryKey: ["preview-text", id, name],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/previews/{preview}/files/{name}", {
          params: { path: { preview: id, name } },
          parseAs: "text",
          signal,
        }),
      ),
    staleTime: Infinity,
  });

export const lineage = (id: string) =>
  queryOptions({
    queryKey: ["lineage", id],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/v1/jobs/{job}/lineage", { params: { path: { job: id } }, signal })),
  });

/** The stages that a job goes back to, and their forgetting matrix. */
export const continual = (id: string, metric: string | undefined, live: boolean) =>
  queryOptions({
    queryKey: ["continual", id, metric],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/jobs/{job}/continual", {
          params: { path: { job: id }, query: metric === undefined ? {} : { metric } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: live ? 3000 : false,
  });

export const lineages = infiniteQueryOptions({
  queryKey: ["lineages"],
  queryFn: ({ signal, pageParam }) =>
    unwrap(
      client.GET("/v1/lineages", {
        params: { query: { limit: 50, ...(pageParam && { cursor: pageParam }) } },
        signal,
      }),
    ),
  initialPageParam: "",
  getNextPageParam: (page) => page.next ?? undefined,
  refetchInterval: 10_000,
});

/** A lineage with the states of its stages; requested again while it is not over. */
export const plannedLineage = (id: string, metric: string | undefined) =>
  queryOptions({
    queryKey: ["lineage-plan", id, metric],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/lineages/{lineage}", {
          params: { path: { lineage: id }, query: metric === undefined ? {} : { metric } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.state === "running" ? 1500 : 10_000),
  });

export const jobSchema = queryOptions({
  queryKey: ["job-schema"],
  queryFn: () => unwrap(client.GET("/v1/jobs/schema")),
  staleTime: Infinity,
});

/** The tasks. They change only with the packages that are installed with the service. */
export const tasks = queryOptions({
  queryKey: ["tasks"],
  queryFn: () => unwrap(client.GET("/v1/tasks")),
  select: (page) => new Tasks(page.data),
  staleTime: Infinity,
});

export const datasets = infiniteQueryOptions({
  queryKey: ["datasets"],
  queryFn: ({ signal, pageParam }) =>
    unwrap(
      client.GET("/v1/datasets", {
        params: { query: { limit: 100, ...(pageParam && { cursor: pageParam }) } },
        signal,
      }),
    ),
  initialPageParam: "",
  getNextPageParam: (page) => page.next ?? undefined,
});

export const uploadedCheckpoints = infiniteQueryOptions({
  queryKey: ["uploaded-checkpoints"],
  queryFn: ({ signal, pageParam }) =>
    unwrap(
      client.GET("/v1/checkpoints", {
        params: { query: { limit: 100, ...(pageParam && { cursor: pageParam }) } },
        signal,
      }),
    ),
  initialPageParam: "",
  getNextPageParam: (page) => page.next ?? undefined,
});

export const dataset = (id: string) =>
  queryOptions({
    queryKey: ["dataset", id],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/v1/datasets/{dataset}", { params: { path: { dataset: id } }, signal })),
  });

/** All versions of a dataset that were not deleted, newest first. */
export const versions = (id: string) =>
  queryOptions({
    queryKey: ["versions", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/datasets/{dataset}/versions", {
          params: { path: { dataset: id }, query: { limit: 100 } },
          signal,
        }),
      ),
  });

/** The job that goes on with what a version of a dataset added. */
export const continuation = (id: string) =>
  queryOptions({
    queryKey: ["continuation", id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/datasets/{dataset}/continuation", { params: { path: { dataset: id } }, signal }),
      ),
  });

/** What a dataset holds, for its number of files; a file that is added changes it. */
export const preview = (id: string, files: number) =>
  queryOptions({
    queryKey: ["preview", id, files],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET("/v1/datasets/{dataset}/preview", {
          params: { path: { dataset: id }, query: { documents: 6, characters: 700 } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });

export const usage = queryOptions({
  queryKey: ["usage"],
  queryFn: ({ signal }) => unwrap(client.GET("/v1/usage", { signal })),
  refetchInterval: 30_000,
});

export const workers = queryOptions({
  queryKey: ["workers"],
  queryFn: ({ signal }) => unwrap(client.GET("/v1/workers", { signal })),
  refetchInterval: 3000,
});

/** For admins. */
export const system = queryOptions({
  queryKey: ["system"],
  queryFn: ({ signal }) => unwrap(client.GET("/v1/system", { signal })),
  refetchInterval: 5000,
});

export const keys = queryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal }) => unwrap(client.GET("/v1/keys", { signal })),
});

/** Puts the job after an action into the cache, so that every page shows it at once. */
export const jobKey = (job: Job) => ["job", job.id] as const;
