// How many workers there are: all or none at the start, and again as many when some end.

import { expect, test } from "bun:test";
import { createLogger } from "#platform";
import { type Pooled, WorkerPool } from "./worker-pool.ts";

class Fake implements Pooled {
  readonly number: number;
  readonly exited: Promise<string>;
  isStopped = false;
  readonly end: (reason: string) => void;

  constructor(number: number) {
    this.number = number;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.exited = promise;
    this.end = resolve;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.end("stopped");
  }
}

function poolOf({
  start = async () => "ready",
  spawn = (number: number) => new Fake(number),
  count = 3,
}: {
  start?: (fake: Fake) => Promise<string>;
  spawn?: (number: number) => Fake;
  count?: number;
} = {}) {
  const lines: string[] = [];
  const gone: [number, boolean][] = [];
  const spawned: Fake[] = [];
  const pool = new WorkerPool<Fake, string>({
    count,
    spawn: (number) => {
      const fake = spawn(number);
      spawned.push(fake);
      return fake;
    },
    start,
    onGone: ({ number }, isWanted) => gone.push([number, isWanted]),
    log: createLogger({ write: (line) => lines.push(line) }),
    firstWaitMs: 1,
  });
  return { pool, spawned, gone, waits: () => waitsIn(lines) };
}

const waitsIn = (lines: readonly string[]) =>
  lines.flatMap((line) => /"waitMs":(\d+)/.exec(line)?.[1] ?? []).map(Number);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

test("one that ends is replaced under its number, and told of as not wanted", async () => {
  const { pool, spawned, gone } = poolOf();
  expect(await pool.start()).toBe("ready");
  spawned[1]?.end("SIGKILL");
  await until(() => spawned.length === 4 && pool.living.length === 3);
  expect(pool.living.map(({ number }) => number).toSorted()).toEqual([1, 2, 3]);
  expect(gone).toEqual([[2, false]]);
  await pool.stop();
  expect(pool.living).toEqual([]);
  expect(gone.slice(1).toSorted(([a], [b]) => a - b)).toEqual([
    [1, true],
    [2, true],
    [3, true],
  ]);
});

test("when one does not serve at the start none does, and why is told", async () => {
  const { pool, spawned } = poolOf({
    start: async (fake) => {
      if (fake.number !== 2) return "ready";
      fake.end("exit code 1");
      throw new Error("the port is taken");
    },
  });
  await expect(pool.start()).rejects.toThrow("the port is taken");
  expect(pool.living).toEqual([]);
  expect(spawned).toHaveLength(3);
  expect(spawned[0]?.isStopped).toBe(true);
});

test("one that fails again and again is tried later and later, whatever keeps it from serving", async () => {
  let starts = 0;
  let spawns = 0;
  const { pool, spawned, waits } = poolOf({
    count: 1,
    spawn: (number) => {
      spawns += 1;
      if (spawns === 3) throw new Error("no more processes");
      return new Fake(number);
    },
    start: async (fake) => {
      starts += 1;
      if (starts === 1) return "ready";
      if (starts > 4) return "ready again";
      fake.end("exit code 1");
      throw new Error("not yet");
    },
  });
  await pool.start();
  spawned[0]?.end("SIGSEGV");
  await until(() => starts === 5);
  expect(waits()).toEqual([1, 2, 4, 8, 16]);
  expect(pool.living).toHaveLength(1);
  await pool.stop();
});

test("a pool that stops replaces nobody", async () => {
  const { pool, spawned } = poolOf({ count: 2 });
  await pool.start();
  spawned[0]?.end("SIGKILL");
  await pool.stop();
  expect(spawned).toHaveLength(2);
  expect(pool.living).toEqual([]);
});

test("one that ends while others still start is replaced once all have", async () => {
  const slow = Promise.withResolvers<string>();
  const { pool, spawned } = poolOf({
    count: 2,
    start: (fake) => (fake.number === 2 ? slow.promise : Promise.resolve("ready")),
  });
  const starting = pool.start();
  await Promise.resolve();
  spawned[0]?.end("SIGKILL");
  await until(() => pool.living.length === 1);
  slow.resolve("ready");
  await starting;
  await until(() => pool.living.length === 2);
  expect(spawned).toHaveLength(3);
  await pool.stop();
});
