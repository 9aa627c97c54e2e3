// What people may type for --since and --until, and what they are told when it is none.

import { expect, test } from "bun:test";
import { parseStretch } from "./moment.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const stretch = (since: string, until?: string) => {
  const { sinceMs, untilMs } = parseStretch({ since, until }, NOW_MS);
  return [new Date(sinceMs).toISOString(), new Date(untilMs).toISOString()];
};

test("lengths look back from now", () => {
  expect(stretch("2d")).toEqual(["2026-11-19T12:00:00.000Z", "2026-11-21T12:00:00.000Z"]);
  expect(stretch("2d", "12h")).toEqual(["2026-11-19T12:00:00.000Z", "2026-11-21T00:00:00.000Z"]);
});

test("days are those of UTC, the last one whole", () => {
  expect(stretch("2026-11-01", "2026-11-01")).toEqual([
    "2026-11-01T00:00:00.000Z",
    "2026-11-02T00:00:00.000Z",
  ]);
});

test.each([
  ["2026-02-30", undefined, "day_invalid"],
  ["2026-13-01", undefined, "day_invalid"],
  ["yesterday", undefined, "duration_invalid"],
  ["1d", "2d", "stretch_empty"],
  ["2026-11-02", "2026-11-01", "stretch_empty"],
  ["2027-01-01", undefined, "stretch_empty"],
])("%p to %p is refused as %p", (since, until, code) => {
  expect(() => parseStretch({ since, until }, NOW_MS)).toThrow(
    expect.objectContaining({ code, exitCode: 2 }),
  );
});
