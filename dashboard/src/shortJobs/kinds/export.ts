import { client, unwrap } from "@/api/client";
import type { Export } from "@/api/types";
import type { ShortJobKind } from "../kind";

export const kind: ShortJobKind<Export> = {
  name: "export",
  prefix: "exp",
  one: "an export",
  get: (id, signal) =>
    unwrap(
      client.GET("/v1/exports/{export}", { params: { path: { export: id }, query: { wait: 1 } }, signal }),
    ),
  cancel: (id) => unwrap(client.POST("/v1/exports/{export}/cancel", { params: { path: { export: id } } })),
  phases: {
    staging: "Fetching the checkpoint",
    preparing: "Reading the dataset",
    training: "Writing the file and comparing it with the original",
    saving: "Storing it",
  },
};
