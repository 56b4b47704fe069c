import { describe, expect, it } from "vitest";
import { axisOf } from "./axis";

describe("the axis of a scatter plot", () => {
  it("contains all values, between round numbers", () => {
    expect(axisOf([0.13, 0.97])).toEqual({ low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] });
    expect(axisOf([-30, 12])).toEqual({ low: -30, high: 20, ticks: [-30, -20, -10, 0, 10, 20] });
  });
  it("has few ticks for any width", () => {
    for (const width of [1e-7, 0.3, 0.99, 1, 7, 123, 4.2e9]) {
      const { low, high, ticks } = axisOf([1, 1 + width]);
      expect(low).toBeLessThanOrEqual(1);
      expect(high).toBeGreaterThanOrEqual(1 + width);
      expect(ticks.length).toBeLessThan(10);
    }
  });
  it("has room around a single value, and is there without values", () => {
    const { low, high } = axisOf([4, 4]);
    expect(high).toBeGreaterThan(low);
    expect(axisOf([])).toEqual({ low: 0, high: 1, ticks: [0, 1] });
  });
});
