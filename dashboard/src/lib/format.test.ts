import { expect, test } from "vitest";
import { bytes, compact, count, duration, metric, parameters, plain, relative, shortId } from "./format";

test.each([
  [0, "0"],
  [9999, "9,999"],
  [12_345, "12.3k"],
  [999_600, "1M"],
  [110_104_890, "110M"],
  [2_460_000_000, "2.46B"],
])("compact(%d) is %s", (value, text) => expect(compact(value)).toBe(text));

test.each([
  [20_000, 20_000, "20k"],
  [20_000, undefined, "20k"],
  [20_000, 250, "20k, 1.3% trained"],
  [110_104_890, 0, "110M, 0% trained"],
])("parameters(%d, %s) is %s", (all, trained, text) => expect(parameters(all, trained)).toBe(text));

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [706_112, "706 kB"],
  [44_711_220, "44.7 MB"],
  [999_999_999, "1.0 GB"],
])("bytes(%d) is %s", (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [0, "0"],
  [0.5, "0.5"],
  [-4, "-4"],
  [1.30478, "1.305"],
  [200, "200"],
  [4000, "4,000"],
  [0.00004, "4e-5"],
])("plain(%d) is %s", (value, text) => expect(plain(value)).toBe(text));

test.each([
  [null, "–"],
  [0, "0"],
  [2.345_678, "2.346"],
  [0.000_417_3, "4.17e-4"],
  [18_412.4, "18,412"],
  [-3.2, "-3.200"],
  [Infinity, "Infinity"],
])("metric(%s) is %s", (value, text) => expect(metric(value)).toBe(text));

test.each([
  [0, "0s"],
  [59.4, "59s"],
  [134, "2m 14s"],
  [3600, "1h 00m"],
  [190_000, "2d 4h"],
])("duration(%d) is %s", (value, text) => expect(duration(value)).toBe(text));

test("times are told relative to now, and by the day when a week has gone", () => {
  const now = new Date("2026-03-20T12:00:00Z");
  const before = (seconds: number) => relative(new Date(now.getTime() - seconds * 1000), now);
  expect([0, 12, 300, 7200, 2 * 86_400].map(before)).toEqual([
    "just now",
    "12s ago",
    "5m ago",
    "2h ago",
    "2d ago",
  ]);
  expect(before(10 * 86_400)).toBe("Mar 10");
  expect(before(400 * 86_400)).toBe("Feb 13, 2025");
});

test("a clock that runs ahead of this one does not show negative times", () =>
  expect(relative(new Date(10_000), new Date(0))).toBe("just now"));

test("ids keep their prefix and their end", () =>
  expect(shortId("job_01kb2x8yq4m7aaaaaaaaaaaaaa")).toBe("job_01kb…aaaa"));

test("one is singular", () => expect([count(1, "file"), count(2, "file")]).toEqual(["1 file", "2 files"]));
