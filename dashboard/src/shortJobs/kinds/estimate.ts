import { client, unwrap } from "@/api/client";
import type { Estimate } from "@/api/types";
import type { ShortJobKind } from "../kind";

export const kind: ShortJobKind<Estimate> = {
  name: "estimate",
  prefix: "est",
  one: "an estimate",
  get: (estimate, signal) =>
    unwrap(
      client.GET("/v1/estimates/{estimate}", {
        params: { path: { estimate }, query: { wait: 1 } },
        signal,
      }),
    ),
  cancel: (estimate) =>
    unwrap(client.POST("/v1/estimates/{estimate}/cancel", { params: { path: { estimate } } })),
  phases: {
    staging: "Fetching the data",
    preparing: "Preparing the data and timing steps",
    training: "Timing steps",
    saving: "Almost there",
  },
};
