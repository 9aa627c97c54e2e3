// The snapshot redacts, and computes what depends on the clock from the clock it is given.

import { describe, expect, test } from "bun:test";
import { CredentialSnapshot } from "#wire";
import { NO_REFRESHER } from "../refresh/schedule.ts";
import { snapshotEntryOf, snapshotOf } from "./snapshot.ts";
import type { Disclosure } from "./view.ts";
import type { VaultContent } from "../vault/vault.ts";

const content: VaultContent = {
  generation: 4,
  credentials: [
    {
      id: 1,
      provider: "openai",
      identityKey: null,
      credential: { type: "api_key", key: "k" },
      createdAtMs: 0,
      blocks: [],
    },
    {
      id: 2,
      provider: "mcp",
      identityKey: null,
      credential: { type: "oauth", refresh: "r", access: "a", expires: 1_000_000, tokenUrl: "u" },
      createdAtMs: 0,
      blocks: [],
    },
  ],
};
const refresher = { ...NO_REFRESHER, enabled: true, skewMs: 300_000, nextSweepInMs: 5 };

test("the snapshot is what strict clients accept, and holds no refresh token", () => {
  const snapshot = snapshotOf(content, { nowMs: 7, refresher: NO_REFRESHER, disclosure: "whole" });
  expect(CredentialSnapshot.parse(snapshot)).toEqual(snapshot);
  expect(snapshot.credentials.map((entry) => entry.credential)).toEqual([
    { type: "api_key", key: "k" },
    { type: "oauth", refresh: "__remote__", access: "a", expires: 1_000_000, tokenUrl: "u" },
  ]);
  expect([snapshot.generation, snapshot.generatedAt, snapshot.serverNowMs]).toEqual([4, 7, 7]);
});

describe("rotatesInMs", () => {
  const rotations = (nowMs: number, schedule = refresher) =>
    snapshotOf(content, { nowMs, refresher: schedule, disclosure: "whole" }).credentials.map(
      (entry) => entry.rotatesInMs,
    );

  test("counts down to the refresh of a grant, and is null for an API key", () => {
    expect(rotations(600_000)).toEqual([null, 100_000]);
  });

  test("is never negative", () => {
    expect(rotations(2_000_000)).toEqual([null, 0]);
  });

  test("is null for all while nobody refreshes", () => {
    expect(rotations(600_000, NO_REFRESHER)).toEqual([null, null]);
  });
});

describe("disclosure", () => {
  const shown = (disclosure: Disclosure) =>
    snapshotOf(content, { nowMs: 7, refresher, disclosure }).credentials.map(({ credential }) =>
      credential.type === "oauth" ? credential.access : credential.key,
    );

  test("decides whether API keys and access tokens are shown", () => {
    expect(shown("whole")).toEqual(["k", "a"]);
    expect(shown("leased")).toEqual(["__leased__", "a"]);
    expect(shown("none")).toEqual(["__leased__", "__leased__"]);
  });
});

test("a cool-down is told while it lasts, and the entry has no such key before and after", () => {
  const block = { providerKey: "openai", blockScope: "m", blockedUntilMs: 50 };
  const [first] = content.credentials;
  if (!first) throw new Error("unreachable");
  const entryAt = (nowMs: number) =>
    snapshotEntryOf({ ...first, blocks: [block] }, { nowMs, refresher, disclosure: "whole" });
  expect(entryAt(49).blocks).toEqual([block]);
  expect(Object.keys(entryAt(50))).not.toContain("blocks");
});
