import { expect, test } from "vitest";
import type { Job } from "@/api/types";
import { TASKS } from "@/tasks/fixtures";
import { Tasks } from "@/tasks/tasks";
import { tilesOf } from "./tiles";

const job = (kind: string, latest: Job["latest"] = {}) =>
  ({
    latest,
    progress: { step: 10 },
    spec: { task: { kind }, training: { batch_size: 4, sequence_length: 8 } },
  }) as unknown as Job;
const titles = (kind: string, tasks = TASKS) => tilesOf(job(kind), tasks).map(([title]) => title);

test("seven figures: the losses, what the task finds most telling, the run", () => {
  const run = ["Learning rate", "Images/s", "Images seen"];
  expect(titles("fill")).toEqual([
    ...["Train loss", "Held-out loss", "Right", "Surprise"],
    ...["Learning rate", "Tokens/s", "Tokens seen"],
  ]);
  expect(titles("match")).toEqual(["Train loss", "Held-out loss", "Matched", "Probe", ...run]);
  expect(titles("invent")).toEqual(["Train loss", "Distance", "Second loss", ...run]);
});

test("values are of the held-out part where there is one, shares in percent", () => {
  const tiles = new Map(
    tilesOf(job("match", { "eval/matched": 0.25, "train/matched": 0.5, "train/loss": 3 }), TASKS),
  );
  expect(tiles.get("Matched")).toBe("25.0%");
  expect(tiles.get("Images seen")).toBe("40");
});

test("metrics that the job has come before those that it has not", () => {
  const shown = tilesOf(job("match", { "probe/probe_score": 0.25 }), TASKS).map(([title]) => title);
  expect(shown.slice(0, 4)).toEqual(["Train loss", "Held-out loss", "Probe", "Matched"]);
});

test("a job of a task that is not known has figures too", () => {
  expect(titles("not_yet")).toContain("Rank");
  expect(titles("not_yet", new Tasks([]))).toEqual([
    "Train loss",
    "Held-out loss",
    "Tokens/s",
    "Tokens seen",
  ]);
  expect(tilesOf(undefined, TASKS)).toHaveLength(7);
});
