// The delay of timers, measured against a thread that is held on purpose.

import { expect, test } from "bun:test";
import { EventLoopLag } from "./event-loop-lag.ts";

test("a thread that is held shows as that much lag", async () => {
  const lag = new EventLoopLag({ sampleMs: 5 });
  expect(lag.read()).toBeUndefined();
  while (lag.read() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  const until = performance.now() + 80;
  while (performance.now() < until);
  while ((lag.read() ?? 0) < 0.05) await new Promise((resolve) => setTimeout(resolve, 1));
  lag.stop();
  expect(lag.read()).toBeLessThan(5);
});
