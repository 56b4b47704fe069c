import { client, unwrap } from "@/api/client";
import type { JobPreview } from "@/api/types";
import type { ShortJobKind } from "../kind";

export const kind: ShortJobKind<JobPreview> = {
  name: "preview",
  prefix: "prv",
  one: "a preview",
  get: (preview, signal) =>
    unwrap(
      client.GET("/v1/previews/{preview}", { params: { path: { preview }, query: { wait: 1 } }, signal }),
    ),
  cancel: (preview) =>
    unwrap(client.POST("/v1/previews/{preview}/cancel", { params: { path: { preview } } })),
  phases: {
    staging: "Fetching the data",
    preparing: "Preparing the data",
    training: "Drawing",
    saving: "Almost there",
  },
};
