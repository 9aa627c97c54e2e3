// Lengths of time, and what is none.

import { expect, test } from "bun:test";
import { CliError } from "./cli-error.ts";
import { parseDuration } from "./duration.ts";

test.each([
  ["90m", 5_400_000],
  ["12h", 43_200_000],
  ["30d", 2_592_000_000],
  ["3650d", 315_360_000_000],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text, "--expires")).toBe(ms);
});

test.each(["", "0d", "30", "d", "1.5h", "-1d", "1 d", "30D", "1w", "3651d", "99999999m", "1d2h"])(
  "%j is refused with an example",
  (text) => {
    expect(() => parseDuration(text, "--expires")).toThrow(CliError);
    expect(() => parseDuration(text, "--expires")).toThrow("--expires");
  },
);
