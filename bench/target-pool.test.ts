// What cannot be started is named with its reason, and what was started is stopped, whatever happens in between.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchError, type BenchErrorCode } from "./bench-error.ts";
import { absenceLines } from "./report.ts";
import { TargetPool } from "./target-pool.ts";
import type { Starter, Target } from "./target.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stopped: string[] = [];

function target(id: string): Target {
  return {
    id,
    url: "http://127.0.0.1:1",
    modelOf: () => "m",
    stop: async () => void stopped.push(id),
  };
}

function starter(id: string, { isPeer = false }: { isPeer?: boolean } = {}): Starter {
  return { id, isPeer, start: async () => target(id) };
}

function failing(id: string, code: BenchErrorCode, { isPeer = false }: { isPeer?: boolean } = {}) {
  const start = () => Promise.reject(new BenchError(code, `${id} has no\nlegs`));
  return { id, isPeer, start } satisfies Starter;
}

function poolOf(starters: readonly Starter[], cleanup: AsyncDisposableStack): TargetPool {
  return new TargetPool(starters, {
    direct: target("direct"),
    place: { folder, env: {} },
    cleanup,
  });
}

test("a run goes on without what is not installed and without a peer that fails, and says why", async () => {
  await using cleanup = new AsyncDisposableStack();
  const lame = failing("lame", "child_ended", { isPeer: true });
  const pool = poolOf([failing("absent", "not_here"), lame, starter("good")], cleanup);
  expect((await pool.shared()).map(({ id }) => id)).toEqual(["direct", "good"]);
  expect(await pool.withFresh(lame, async ({ id }) => id)).toBeUndefined();
  expect(absenceLines(pool.absent)).toBe(
    "\nnot measured\n  absent: absent has no legs\n  lame: lame has no legs\n",
  );
});

test("a reference that is installed and does not start ends the run", async () => {
  await using cleanup = new AsyncDisposableStack();
  const pool = poolOf([failing("nginx", "child_ended")], cleanup);
  await expect(pool.shared()).rejects.toThrow("nginx has no");
});

test("a fresh target is stopped once, also when its use fails", async () => {
  stopped.length = 0;
  const use = async () => {
    throw new Error("no figure");
  };
  {
    await using cleanup = new AsyncDisposableStack();
    const pool = poolOf([], cleanup);
    await expect(pool.withFresh(starter("fresh"), use)).rejects.toThrow("no figure");
    expect(stopped).toEqual(["fresh"]);
  }
  expect(stopped).toEqual(["fresh"]);
});
