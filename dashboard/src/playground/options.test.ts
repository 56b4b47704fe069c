import { describe, expect, it } from "vitest";
import { optionsOf, slides, titleOf } from "./options";

const SCHEMA = {
  properties: {
    temperature: { type: "number", default: 0.8, minimum: 0, maximum: 5, description: "Divisor." },
    top_p: { type: "number", default: 1, exclusiveMinimum: 0, maximum: 1 },
    seed: { type: "integer", default: 0, minimum: 0, exclusiveMaximum: 9007199254740992 },
    mode: { type: "string", default: "a" },
  },
};

describe("optionsOf", () => {
  it("takes the numbers with their limits", () => {
    const [temperature, topP, seed, ...others] = optionsOf(SCHEMA);
    expect(others).toEqual([]);
    expect(temperature).toMatchObject({ name: "temperature", default: 0.8, minimum: 0, maximum: 5 });
    expect(topP?.minimum).toBeGreaterThan(0);
    expect(seed?.integer).toBe(true);
  });

  it("shows a slider only for a small range", () => {
    expect(optionsOf(SCHEMA).map(slides)).toEqual([true, true, false]);
  });

  it("says a name in words", () => {
    expect(titleOf("max_tokens")).toBe("Max tokens");
  });
});
