// Work that a stop may overtake.

import { expect, test } from "bun:test";
import { Interrupted, unlessStopped } from "./until-stopped.ts";

test("work that is done first gives its value", async () => {
  expect(await unlessStopped(Promise.resolve(7), new Promise(() => undefined))).toBe(7);
});

test("a stop that comes first ends the waiting with its own exit code", async () => {
  const waiting = unlessStopped(new Promise(() => undefined), Promise.resolve());
  await expect(waiting).rejects.toThrow(Interrupted);
  expect(new Interrupted().exitCode).toBe(130);
});
