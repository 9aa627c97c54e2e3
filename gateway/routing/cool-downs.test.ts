// How long an account is left alone, and how it comes back.

import { expect, test } from "bun:test";
import { CoolDowns, MAX_REST_MS, TRIAL_MS } from "./cool-downs.ts";

const steps = { firstMs: 1_000, maxMs: 8_000 };

function failing(
  coolDowns: CoolDowns,
  nowMs: number,
  statedMs?: number,
  beganAtMs = nowMs,
): number {
  const rest = { statedMs, steps, isRefusal: true, beganAtMs };
  return coolDowns.rest("k", rest, nowMs) - nowMs;
}

test("a stated wait is kept to the millisecond, and a week is not", () => {
  expect(failing(new CoolDowns(), 5, 1_234)).toBe(1_234);
  expect(failing(new CoolDowns(), 5, 1_600_000_000)).toBe(MAX_REST_MS);
});

test("where nothing is said each failure in a row doubles the rest, up to its limit", () => {
  const coolDowns = new CoolDowns();
  let nowMs = 0;
  const rests = Array.from({ length: 5 }, () => {
    const rest = failing(coolDowns, nowMs);
    nowMs += rest + 1;
    return rest;
  });
  expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 8_000]);
});

test("a crowd that fails together has failed once", () => {
  const coolDowns = new CoolDowns();
  expect(failing(coolDowns, 10, undefined, 0)).toBe(1_000);
  for (let count = 0; count < 50; count++) failing(coolDowns, 20, undefined, 0);
  expect(failing(coolDowns, 30, undefined, 0)).toBe(1_000);
});

test("when the rest is over one request proves the account, the others wait for it or give it up", () => {
  const coolDowns = new CoolDowns();
  failing(coolDowns, 0, 1_000);
  expect(coolDowns.conditionOf("k", 999)).toMatchObject({ state: "resting", untilMs: 1_000 });
  expect(coolDowns.conditionOf("k", 1_000).state).toBe("ready");
  coolDowns.begun("k", 1_000);
  expect(coolDowns.conditionOf("k", 1_001).state).toBe("trying");
  expect(coolDowns.conditionOf("k", 1_000 + TRIAL_MS).state).toBe("ready");
  coolDowns.begun("k", 7_000);
  coolDowns.ended("k", 7_001);
  expect(coolDowns.conditionOf("k", 7_002).state).toBe("ready");
});

test("a success ends the rest and its count, unless it had begun before", () => {
  const coolDowns = new CoolDowns();
  failing(coolDowns, 100, 10_000);
  expect(coolDowns.succeeded("k", { beganAtMs: 50, nowMs: 150 })).toBe(false);
  expect(coolDowns.conditionOf("k", 150).state).toBe("resting");
  expect(coolDowns.succeeded("k", { beganAtMs: 150, nowMs: 200 })).toBe(true);
  expect(coolDowns.conditionOf("k", 200).state).toBe("ready");
  expect(failing(coolDowns, 300)).toBe(1_000);
});
