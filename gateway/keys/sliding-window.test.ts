// A window never lets more through than its limit, wherever one looks.

import { expect, test } from "bun:test";
import { array, assert, integer, property } from "fast-check";
import { SlidingWindow } from "./sliding-window.ts";

test("no window of its length ever holds more than was let in by its sum", () => {
  const limit = 5;
  const windowMs = 1_000;
  assert(
    property(array(integer({ min: 0, max: 300 }), { maxLength: 200 }), (gaps) => {
      const window = new SlidingWindow({ windowMs, steps: 10 });
      const taken: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        if (window.sum(nowMs) >= limit) continue;
        window.add(nowMs, 1);
        taken.push(nowMs);
      }
      for (const from of taken) {
        expect(taken.filter((at) => at >= from && at < from + windowMs).length).toBeLessThanOrEqual(
          limit,
        );
      }
    }),
  );
});

test("who waits as long as told gets in, and not a step earlier", () => {
  const window = new SlidingWindow({ windowMs: 60_000, steps: 60 });
  window.add(500, 3);
  window.add(30_000, 2);
  const wait = window.waitMs(31_000, 3);
  expect(window.sum(31_000 + wait - 1)).toBe(5);
  expect(window.sum(31_000 + wait)).toBe(2);
});

test("what was added too much is taken back, also after it was added long ago", () => {
  const window = new SlidingWindow({ windowMs: 60_000, steps: 60 });
  window.add(0, 100);
  window.add(10, -60);
  expect(window.sum(20)).toBe(40);
  expect(window.sum(10_000_000)).toBe(0);
});

test("a clock set back forgets nothing", () => {
  const window = new SlidingWindow({ windowMs: 1_000, steps: 10 });
  window.add(5_000, 1);
  expect(window.sum(0)).toBe(1);
});
