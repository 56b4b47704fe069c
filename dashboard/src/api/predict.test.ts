import { describe, expect, it } from "vitest";
import { parseEvents } from "./predict";

describe("parseEvents", () => {
  it("reads complete events and keeps the rest", () => {
    const { events, rest } = parseEvents(
      'event: place\ndata: {"ahead":2}\n\n: still here\n\nevent: part\ndata: {"text":" a"}\n\nevent: res',
    );
    expect(events).toEqual([
      { name: "place", data: { ahead: 2 } },
      { name: "part", data: { text: " a" } },
    ]);
    expect(rest).toBe("event: res");
  });
});
