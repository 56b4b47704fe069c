import { describe, expect, it } from "vitest";
import { marked } from "./spans";

const words = ["Ada", "Lovelace", "met", "Babbage", "in", "London"];
const ada = { type: "person", first: 0, last: 1 };
const london = { type: "place", first: 5, last: 5 };

describe("a sentence with entities", () => {
  it("is cut at them, in order", () => {
    const parts = marked(words, [london, ada], [ada]);
    expect(parts.map((part) => part.text)).toEqual(["Ada Lovelace", "met Babbage in", "London"]);
    expect(parts.map((part) => part.span?.type ?? null)).toEqual(["person", null, "place"]);
  });
  it("tells which of them are among the others: of the same type and the same words", () => {
    const others = [{ ...ada, last: 0 }, { ...london }];
    expect(marked(words, [ada, london], others).map((part) => part.agrees)).toEqual([false, true, true]);
    expect(marked(words, [london], [{ ...london, type: "person" }]).at(-1)?.agrees).toBe(false);
  });
  it("without entities is one part, and without words none", () => {
    expect(marked(words, [], [ada])).toEqual([{ text: words.join(" "), span: null, agrees: true }]);
    expect(marked([], [], [])).toEqual([]);
  });
});
