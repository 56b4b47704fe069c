import { expect, test } from "vitest";
import { Tasks, type Task } from "@/tasks/tasks";
import { TASKS } from "@/tasks/fixtures";
import { withTask } from "./StartFrom";
import { fits, withEncoder } from "./start";

const trains = (kind: string, ...networks: [preset: string, architecture: string][]): Task[] =>
  TASKS.list
    .filter((task) => task.kind === kind)
    .map((task) => ({
      ...task,
      networks: networks.map(([preset, architecture]) => ({ preset, architecture })),
    }));
const OLD = trains("fill", ["round-mini", "round"], ["square-mini", "square"], ["square-large", "square"]);
const OTHER = trains("write", ["round-mini", "round"], ["square-large", "square"]);
const ROUND = trains("match", ["round-mini", "round"]);
const tasks = new Tasks([...OLD, ...OTHER, ...ROUND]);
const CHECKPOINT = "ckpt_00000000000000000000000000";

const fitting = (model: Record<string, string> | undefined) => {
  const document = withEncoder({ task: { kind: "fill" }, model }, CHECKPOINT, tasks);
  return [document.model, tasks.list.filter((task) => fits(task, document, tasks)).map(({ kind }) => kind)];
};

test("an encoder goes into tasks that train its network, whose size is named", () => {
  expect(fitting(undefined)).toEqual([{ preset: "round-mini" }, ["fill", "write", "match"]]);
  expect(fitting({ preset: "square-large" })).toEqual([{ preset: "square-large" }, ["fill", "write"]]);
  expect(fitting({ architecture: "square" })).toEqual([
    { architecture: "square", preset: "square-mini" },
    ["fill", "write"],
  ]);
});

test("without a start, and with all of a checkpoint, every task can be chosen", () => {
  const document = { task: { kind: "fill" }, model: { preset: "square-large" } };
  const whole = { ...document, start: { checkpoint: CHECKPOINT } };
  for (const one of [document, whole]) expect(tasks.list.every((task) => fits(task, one, tasks))).toBe(true);
});

test("another task keeps the start and all settings beside the task's own", () => {
  const document = {
    name: "mine",
    dataset: "ds",
    start: { checkpoint: CHECKPOINT, scope: "encoder" },
    task: { kind: "fill", share: 0.3 },
    model: { preset: "square-large" },
    training: { steps: 7 },
  };
  expect(withTask(document, "write", undefined, [], tasks)).toEqual({ ...document, task: { kind: "write" } });
  expect(withTask(document, "not_yet", undefined, [], tasks)).toEqual({
    ...document,
    task: { kind: "not_yet" },
  });
});
