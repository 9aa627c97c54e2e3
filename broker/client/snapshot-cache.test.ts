// The cache opens only as what was written: same token, same broker, same bits, fresh by the broker's stamp.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createLogger, Secret } from "#platform";
import { DEFAULT_SNAPSHOT_TTL_MS, SnapshotCache, snapshotCachePath } from "./snapshot-cache.ts";

const NOW_MS = 1_700_000_000_000;
const snapshot = {
  generation: 7,
  generatedAt: NOW_MS,
  serverNowMs: NOW_MS,
  refresher: { enabled: true, intervalMs: 1, skewMs: 1, nextSweepInMs: 1 },
  credentials: [
    {
      id: 1,
      provider: "openai",
      credential: { type: "api_key", key: "sk-canary-0123456789" } as const,
      identityKey: null,
      rotatesInMs: null,
    },
  ],
};

let home: string;
let path: string;
let lines: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-snapshot-cache-"));
  path = snapshotCachePath(home);
  lines = [];
});

afterEach(() => rmSync(home, { recursive: true }));

function cacheOf(options: Partial<ConstructorParameters<typeof SnapshotCache>[0]> = {}) {
  return new SnapshotCache({
    path,
    token: new Secret("plb_canary-token"),
    url: "http://broker.test",
    isLeaseOnly: false,
    nowMs: () => NOW_MS + 1,
    log: createLogger({ level: "debug", write: (line) => lines.push(line) }),
    ...options,
  });
}

function written(): SnapshotCache {
  const cache = cacheOf();
  cache.save(() => snapshot);
  cache.close();
  return cache;
}

describe("a cached snapshot", () => {
  test("is read back whole, from a private file that shows nothing of it", () => {
    written();
    expect(cacheOf().read()).toEqual(snapshot);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(path))).toHaveLength(1);
    const bytes = readFileSync(path).toString("latin1");
    expect(bytes).not.toContain("canary");
    expect(bytes).not.toContain("openai");
  });

  test("is ignored when any one byte is changed, and when it is cut anywhere", () => {
    written();
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(path, flipped);
      expect(cacheOf().read()).toBeUndefined();
    }
    for (let end = bytes.length - 1; end >= 0; end -= 7) {
      writeFileSync(path, bytes);
      truncateSync(path, end);
      expect(cacheOf().read()).toBeUndefined();
    }
    writeFileSync(path, bytes);
    expect(cacheOf().read()).toEqual(snapshot);
    expect(lines.join("")).not.toContain("canary");
    expect(lines.join("")).toContain("cached snapshot ignored");
  });

  test.each([
    ["another token", { token: new Secret("plb_other-token") }],
    ["another broker", { url: "http://other.test" }],
    ["a client that leases its keys", { isLeaseOnly: true }],
    ["a later time", { nowMs: () => NOW_MS + DEFAULT_SNAPSHOT_TTL_MS }],
    ["an earlier time than its own", { nowMs: () => NOW_MS - 1 }],
    ["a shorter life", { ttlMs: 1 }],
    ["no life at all", { ttlMs: 0 }],
  ])("is ignored by %s", (_name, options) => {
    written();
    expect(cacheOf(options).read()).toBeUndefined();
    expect(cacheOf().read()).toEqual(snapshot);
  });

  test("is ignored when others may read it, when it is a link, a directory, or too large", () => {
    written();
    chmodSync(path, 0o644);
    expect(cacheOf().read()).toBeUndefined();
    chmodSync(path, 0o600);
    const real = join(home, "real.enc");
    writeFileSync(real, readFileSync(path), { mode: 0o600 });
    rmSync(path);
    symlinkSync(real, path);
    expect(cacheOf().read()).toBeUndefined();
    rmSync(path);
    mkdirSync(path);
    expect(cacheOf().read()).toBeUndefined();
    rmSync(path, { recursive: true });
    writeFileSync(path, "", { mode: 0o600 });
    truncateSync(path, 64 * 1024 * 1024);
    expect(cacheOf().read()).toBeUndefined();
  });

  test("is ignored when it is an older copy than this process has written", () => {
    const cache = written();
    const older = readFileSync(path);
    cache.save(() => ({ ...snapshot, generation: 8 }));
    cache.close();
    expect(cache.read()?.generation).toBe(8);
    writeFileSync(path, older);
    expect(cache.read()).toBeUndefined();
  });
});

describe("writing", () => {
  test("is done at once, then the latest state when the pause is over", () => {
    const cache = cacheOf();
    for (const generation of [1, 2, 3]) cache.save(() => ({ ...snapshot, generation }));
    expect(cacheOf().read()?.generation).toBe(1);
    cache.close();
    expect(cacheOf().read()?.generation).toBe(3);
  });

  test("does not happen with a life of 0", () => {
    const cache = cacheOf({ ttlMs: 0 });
    cache.save(() => snapshot);
    cache.close();
    expect(existsSync(path)).toBe(false);
  });

  test("that fails is said once and hurts nobody", () => {
    const cache = cacheOf({ path: join(home, "file", "x.enc") });
    writeFileSync(join(home, "file"), "");
    cache.save(() => snapshot);
    cache.save(() => snapshot);
    cache.close();
    expect(lines.filter((line) => line.includes("could not be cached"))).toHaveLength(1);
  });

  test("twice makes two files that have nothing in common but their head", () => {
    written();
    const first = readFileSync(path);
    written();
    const second = readFileSync(path);
    expect(second.subarray(0, 8)).toEqual(first.subarray(0, 8));
    expect(second.subarray(8, 24)).not.toEqual(first.subarray(8, 24));
    expect(second.subarray(60)).not.toEqual(first.subarray(60));
  });
});
