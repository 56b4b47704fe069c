import { expect, test } from "vitest";
import { epochNumber, progressText, stepsPerEpoch, totalSteps } from "./epochs";

const progress = (values: object) => ({
  phase: null,
  phase_fraction: null,
  step: 30,
  steps: 600,
  epoch: 0.15,
  epochs: 3,
  fraction: 0.05,
  eta_seconds: null,
  ...values,
});

test("the epoch stands beside the step once the data are prepared", () => {
  expect(progressText(progress({}))).toBe("step 30 of 600 · epoch 0.15 of 3");
  expect(progressText(progress({ epoch: null, epochs: null }))).toBe("step 30 of 600");
  expect(progressText(progress({ step: 0, steps: null, epoch: null, epochs: null }))).toBe("step 0 of ?");
});

test("epochs are rounded for people", () =>
  expect([1, 1.2549, 0.001234, 12.345, 123.45].map(epochNumber)).toEqual([
    "1",
    "1.25",
    "0.00123",
    "12.3",
    "123.5",
  ]));

test("steps of an epoch, and of all, may be unknown", () => {
  expect(stepsPerEpoch({ steps: 600, epochs: 3 })).toBe(200);
  expect(stepsPerEpoch({ steps: null, epochs: null })).toBeNull();
  expect([totalSteps(null), totalSteps(1200)]).toEqual(["?", "1,200"]);
});
