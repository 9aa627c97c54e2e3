// The pause between tries: growth, cap and jitter.

import { expect, test } from "bun:test";
import { assert, double, integer, nat, property } from "fast-check";
import { retryDelayMs } from "./retry-delay.ts";

const shape = { firstMs: 500, maxMs: 30_000 };

test("doubles after each failure until the cap", () => {
  const delays = [0, 1, 2, 3, 6, 7, 8].map((failures) =>
    retryDelayMs(failures, { ...shape, random: () => 0.5 }),
  );
  expect(delays).toEqual([0, 500, 1000, 2000, 16_000, 30_000, 30_000]);
});

test("is spread over a quarter to either side", () => {
  expect(retryDelayMs(1, { ...shape, random: () => 0 })).toBe(375);
  expect(retryDelayMs(1, { ...shape, random: () => 1 })).toBe(625);
});

test("is a whole number within the jitter of the cap, whatever it is asked", () => {
  assert(
    property(
      integer({ min: 1 }),
      nat(100_000),
      nat(1_000_000),
      double({ min: 0, max: 1, noNaN: true }),
      (failures, firstMs, maxMs, dice) => {
        const delayMs = retryDelayMs(failures, { firstMs, maxMs, random: () => dice });
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor(Math.min(firstMs, maxMs) * 0.75));
        expect(delayMs).toBeLessThanOrEqual(Math.ceil(maxMs * 1.25));
      },
    ),
  );
});
