import { expect, test } from "vitest";
import type { Job } from "@/api/types";
import { baselineStart } from "./job/BaselineAction";
import { asksWhetherItHelped, beginningOf, betterOf, inOrder } from "./comparison";

type Scope = "all" | "encoder" | "tokenizer";
const job = (scope: Scope | null, more: Record<string, unknown> = {}, tokenizer = "checkpoint") => {
  const start = scope && { checkpoint: "ckpt_1", scope };
  return {
    dataset: "ds_1",
    parent: scope && { job: "job_1", checkpoint: "ckpt_1", scope },
    spec: { name: String(scope), start, data: { tokenizer: { kind: tokenizer } }, ...more },
  } as unknown as Job;
};

test("a baseline differs in its weights alone", () => {
  expect(asksWhetherItHelped(job("encoder"), job("tokenizer"))).toBe(true);
  expect(asksWhetherItHelped(job("encoder"), job(null))).toBe(true);
  expect(asksWhetherItHelped(job("encoder"), job("encoder"))).toBe(false);
  expect(asksWhetherItHelped(job("encoder"), job("tokenizer", { training: { steps: 2 } }))).toBe(false);
  expect(asksWhetherItHelped(job("encoder"), { ...job("tokenizer"), dataset: "ds_2" })).toBe(false);
  expect(beginningOf(job("tokenizer"))).toContain("random initialisation");
});

test("a baseline keeps the checkpoint's tokenizer, where the job has it", () => {
  expect(baselineStart(job("encoder"))).toEqual({ checkpoint: "ckpt_1", scope: "tokenizer" });
  expect(baselineStart(job("encoder", {}, "byte"))).toBeNull();
});

test("the better value depends on the measure", () => {
  expect(betterOf(0.9, 0.8, "higher")).toBe("first");
  expect(betterOf(0.9, 0.8, "lower")).toBe("second");
  expect(betterOf(0.9, 0.9, "lower")).toBeNull();
  expect(betterOf(0.9, null, "lower")).toBeNull();
  expect(betterOf(0.9, 0.8, null)).toBeNull();
});

test("measures come in the order of the task", () =>
  expect(inOrder(["probe/b", "eval/x", "eval/loss", "eval/x"], ["loss", "b"])).toEqual([
    "eval/loss",
    "probe/b",
    "eval/x",
  ]));
