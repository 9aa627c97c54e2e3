// Lengths of time in parts, and what is none.

import { expect, test } from "bun:test";
import { readCompoundDuration } from "./compound-duration.ts";

test.each([
  ["6m0s", 360_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  ["1.5s", 1_500],
  ["2d1h", 176_400_000],
  ["0s", 0],
])("%s is %d ms", (text, ms) => expect(readCompoundDuration(text)).toBe(ms));

test.each(["", "5", "m", "5 m", "-1s", "1w", "1s,2s", "1..5s", "1234567890s", "1s".repeat(40)])(
  "%p is none",
  (text) => expect(readCompoundDuration(text)).toBeUndefined(),
);
