import { describe, expect, test } from "vitest";
import { chartsBeside, expectedOf, lossOf } from "./catalog";

const titles = (names: string[], kind: string) =>
  chartsBeside(names, kind).map(({ title, charts }) => [title, charts.map((chart) => chart.title)]);

describe("chartsBeside", () => {
  test("groups what belongs together and names it in words", () => {
    const names = [
      "train/loss",
      "eval/loss",
      "train/learning_rate",
      "train/samples_per_s",
      "train/tokens_per_s",
      "train/rotation_accuracy",
      "eval/rotation_accuracy",
      "health/rankme",
      "probe/linear_accuracy",
      "system/memory_mb",
    ];
    expect(titles(names, "rotation")).toEqual([
      ["Rotation prediction", ["Rotation accuracy"]],
      ["Representation", ["Linear probe", "Effective rank (RankMe)"]],
      ["Run", ["Learning rate", "Samples per second", "Memory"]],
    ]);
    const [own] = chartsBeside(names, "rotation");
    expect(own?.charts[0]).toMatchObject({
      format: "percent",
      series: [{ label: "train" }, { label: "held out" }],
    });
  });

  test("text counts tokens, everything else samples", () => {
    const names = ["train/samples_per_s", "train/tokens_per_s"];
    expect(titles(names, "masked_lm")).toEqual([["Run", ["Tokens per second"]]]);
    expect(titles(names, "gan")).toEqual([["Run", ["Samples per second"]]]);
  });

  test("what nobody has described still has a chart, and a task that is not known a group", () => {
    expect(titles(["eval/odd_thing", "eval/ema_perplexity"], "not_yet")).toEqual([
      ["Task", ["Perplexity, averaged weights, held out", "Odd thing, held out"]],
    ]);
  });

  test("no metric has two charts, none is lost", () => {
    const names = [...expectedOf("gan"), "train/real_score", "eval/real_score", "probe/new", "other/thing"];
    const shown = chartsBeside(names, "gan").flatMap(({ charts }) =>
      charts.flatMap((chart) => chart.series.map(({ metric }) => metric)),
    );
    const expected = names.filter((name) => name !== "train/tokens_per_s");
    expect(shown.sort()).toEqual(expected.sort());
  });
});

test("the loss is compared with what the task has", () => {
  const series = (kind: string) => lossOf(kind).series.map(({ label }) => label);
  expect(series("masked_lm")).toEqual(["train", "held out", "unigram"]);
  expect(series("rotation")).toEqual(["train", "held out"]);
  expect(series("gan")).toEqual(["train"]);
});
