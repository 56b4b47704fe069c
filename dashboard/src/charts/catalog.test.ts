import { describe, expect, test } from "vitest";
import { TASKS } from "@/tasks/fixtures";
import { Tasks } from "@/tasks/tasks";
import { chartsBeside, expectedOf, lossOf } from "./catalog";

const titles = (names: string[], kind: string) =>
  chartsBeside(names, TASKS.of(kind), TASKS).map(({ title, charts }) => [
    title,
    charts.map((chart) => chart.title),
  ]);

describe("chartsBeside", () => {
  test("groups what belongs together and names it in words", () => {
    const names = [
      "train/loss",
      "eval/loss",
      "system/memory_mb",
      "train/learning_rate",
      "train/samples_per_s",
      "train/tokens_per_s",
      "train/matched",
      "eval/matched",
      "health/rank",
      "probe/probe_score",
    ];
    expect(titles(names, "match")).toEqual([
      ["The task match", ["Matched"]],
      ["Representation", ["Probe", "Effective rank"]],
      ["Run", ["Learning rate", "Samples per second", "Memory"]],
    ]);
    const [own, , run] = chartsBeside(names, TASKS.of("match"), TASKS);
    expect(own?.charts[0]).toMatchObject({
      format: "percent",
      series: [{ label: "train" }, { label: "held out" }],
    });
    expect(run?.charts.map(({ format, series }) => [format, series[0]?.noisy])).toEqual([
      ["value", false],
      ["value", true],
      ["megabytes", false],
    ]);
  });

  test("the task's metrics come in its own order, others after them", () =>
    expect(titles(["eval/another", "eval/surprise", "eval/right"], "fill")).toEqual([
      ["The task fill", ["Right, held out", "Surprise, held out", "Another, held out"]],
    ]));

  test("text counts tokens, everything else samples", () => {
    const names = ["train/samples_per_s", "train/tokens_per_s"];
    expect(titles(names, "fill")).toEqual([["Run", ["Tokens per second"]]]);
    expect(titles(names, "invent")).toEqual([["Run", ["Samples per second"]]]);
  });

  test("what nobody has described still has a chart, and a task that is not known a group", () =>
    expect(titles(["eval/odd_thing", "eval/ema_surprise", "train/learning_rate"], "not_yet")).toEqual([
      ["Task", ["Surprise, averaged weights, held out", "Odd thing, held out"]],
      ["Run", ["Learning rate"]],
    ]));

  test("no metric has two charts, none is lost, also where no task is known", () => {
    const names = [
      ...expectedOf(TASKS.of("invent"), TASKS),
      "train/real_score",
      "eval/real_score",
      "probe/new",
      "other/thing",
    ];
    for (const [task, tasks] of [[TASKS.of("invent"), TASKS] as const, [undefined, new Tasks([])] as const]) {
      const shown = chartsBeside(names, task, tasks).flatMap(({ charts }) =>
        charts.flatMap((chart) => chart.series.map(({ metric }) => metric)),
      );
      const expected = names.filter((name) => name !== "train/tokens_per_s" && name !== "train/loss");
      expect(shown.sort()).toEqual(expected.sort());
    }
  });
});

test("what every job of a task measures is expected, what only some do is not", () => {
  const expected = expectedOf(TASKS.of("fill"), TASKS);
  expect(expected).toContain("eval/right");
  expect(expected).toContain("train/learning_rate");
  expect(expected).not.toContain("eval/extra");
  expect(expectedOf(undefined, TASKS)).toContain("train/learning_rate");
});

test("the loss is compared with what the task has", () => {
  const series = (kind: string) => lossOf(TASKS.of(kind)).series.map(({ label }) => label);
  expect(series("fill")).toEqual(["train", "held out", "guessing"]);
  expect(series("match")).toEqual(["train", "held out"]);
  expect(series("invent")).toEqual(["train"]);
  expect(series("not_yet")).toEqual(["train", "held out"]);
});
