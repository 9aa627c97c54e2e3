// A pass must not come from a figure that is missing, or from answers that were lost.

import { expect, test } from "bun:test";
import { judgeFigure, verdictLines } from "./verdict.ts";

const figure = { scenario: "abort", what: "slowest close", aim: 100, unit: " ms" };

test("a figure up to its aim passes, one above it misses", () => {
  expect(judgeFigure({ ...figure, value: 100 }).hasPassed).toBe(true);
  expect(judgeFigure({ ...figure, value: 100.1 }).hasPassed).toBe(false);
});

test("where the aim is the least, fewer miss", () => {
  const streams = { ...figure, aim: 1_000, isAtLeast: true };
  expect(judgeFigure({ ...streams, value: 999 }).hasPassed).toBe(false);
  expect(judgeFigure({ ...streams, value: 1_000 }).hasPassed).toBe(true);
});

test("nothing measured, or something lost, is a miss", () => {
  expect(judgeFigure({ ...figure, value: Number.NaN }).hasPassed).toBe(false);
  expect(judgeFigure({ ...figure, value: 1 }, { isWhole: false }).hasPassed).toBe(false);
});

test("a line says the figure, its aim and their unit", () => {
  const line = verdictLines([judgeFigure({ ...figure, value: 12.345 })]);
  expect(line).toBe("\npass  abort: slowest close 12.35 ms, aim ≤ 100 ms\n");
});
