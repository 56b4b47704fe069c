import { describe, expect, it } from "vitest";
import { shades } from "./shades";

describe("shades of a forgetting matrix", () => {
  it("are strongest where the measure is best", () => {
    expect(
      shades(
        [
          [0.2, null],
          [0.6, 1],
        ],
        "higher",
      ),
    ).toEqual([
      [0, null],
      [expect.closeTo(0.5), 1],
    ]);
    expect(shades([[1, 3]], "lower")).toEqual([[1, 0]]);
  });

  it("are the same where all values are", () => {
    expect(shades([[2, 2]], "lower")).toEqual([[1, 1]]);
    expect(shades([[null]], "lower")).toEqual([[null]]);
  });
});
