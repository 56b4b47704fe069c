import { client, unwrap } from "@/api/client";
import type { Evaluation } from "@/api/types";
import type { ShortJobKind } from "../kind";

export const kind: ShortJobKind<Evaluation> = {
  name: "evaluation",
  prefix: "eval",
  one: "an evaluation",
  get: (evaluation, signal) =>
    unwrap(
      client.GET("/v1/evaluations/{evaluation}", {
        params: { path: { evaluation }, query: { wait: 1 } },
        signal,
      }),
    ),
  cancel: (evaluation) =>
    unwrap(client.POST("/v1/evaluations/{evaluation}/cancel", { params: { path: { evaluation } } })),
  phases: {
    staging: "Fetching the checkpoint and the data",
    preparing: "Preparing the data",
    training: "Measuring",
    saving: "Almost there",
  },
};
