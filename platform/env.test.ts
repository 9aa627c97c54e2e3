// The environment is read once and never written by accident; forgetting is the one deliberate
// change.

import { expect, test } from "bun:test";
import { environment, forgetEnvironment } from "./env.ts";

test("the environment is a copy: later changes of the process do not show", () => {
  const before = environment();
  process.env.PLATFORM_ENV_TEST = "late";
  expect(before.PLATFORM_ENV_TEST).toBeUndefined();
  expect(environment().PLATFORM_ENV_TEST).toBe("late");
  forgetEnvironment(["PLATFORM_ENV_TEST"]);
});

test("the environment cannot be changed by who receives it", () => {
  expect(Object.isFrozen(environment())).toBe(true);
});

test("a forgotten variable is gone for this process and for its children", () => {
  process.env.PLATFORM_ENV_TEST = "canary-value";
  forgetEnvironment(["PLATFORM_ENV_TEST", "PLATFORM_ENV_NEVER_SET"]);
  expect(environment().PLATFORM_ENV_TEST).toBeUndefined();
  const child = Bun.spawnSync([process.execPath, "-e", "console.log(JSON.stringify(process.env))"]);
  expect(child.stdout.toString()).not.toContain("canary-value");
});
