// What clients say they used: added up, bounded, and shown only to whoever sees the provider.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ObservedUsageEntry, type ObservedUsageUpload, UsageClients } from "#wire";
import {
  MAX_MODELS_PER_HOUR,
  MAX_ROWS_PER_INSTALL,
  OBSERVED_RETENTION_MS,
  ObservedUsageLog,
} from "./observed-usage.ts";
import type { SeesProvider } from "../vault/change-log.ts";
import { openUsageBench, type UsageBench } from "./usage-under-test.ts";

const NOW_MS = Date.UTC(2026, 10, 20, 12, 30);
const HOUR_MS = 3_600_000;
const all: SeesProvider = () => true;
let bench: UsageBench;
let log: ObservedUsageLog;

beforeEach(() => {
  bench = openUsageBench();
  log = new ObservedUsageLog(bench.vault.file.database);
});

afterEach(() => bench.close());

function entry(provider: string, more: Partial<ObservedUsageEntry> = {}): ObservedUsageEntry {
  return {
    at: NOW_MS,
    provider,
    model: "m-1",
    requests: 1,
    inputTokens: 10,
    outputTokens: 5,
    cacheReadTokens: 3,
    cacheWriteTokens: 2,
    costUsd: 0.25,
    ...more,
  };
}

function upload(
  entries: ObservedUsageEntry[],
  more: Partial<ObservedUsageUpload> = {},
): ObservedUsageUpload {
  return { installId: "install-1", hostname: "host-1", entries, ...more };
}

const record = (given: ObservedUsageUpload, nowMs = NOW_MS, sees: SeesProvider = all) =>
  log.record(given, { sees, nowMs });
const clients = (sees: (id: string) => boolean = all, sinceMs = 0) =>
  log.clients({ sees, sinceMs });
const rows = () =>
  bench.vault.file.database
    .prepare<[], { hourMs: number; model: string; requests: number }>(
      "SELECT hour_ms AS hourMs, model, requests FROM usage_observed ORDER BY hour_ms, model",
    )
    .all();

test("uploads add up per client and provider, over models and hours", () => {
  record(upload([entry("acme"), entry("acme", { model: "m-2" })], { app: "gateway" }));
  record(upload([entry("acme", { at: NOW_MS - HOUR_MS }), entry("other")], { app: "gateway" }));
  record(upload([entry("acme")], { installId: "install-2", hostname: undefined }), NOW_MS + 5);
  const counts = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 2 };
  const found = clients();
  expect(found).toEqual([
    {
      installId: "install-2",
      hostname: undefined,
      firstSeen: NOW_MS + 5,
      lastSeen: NOW_MS + 5,
      providers: [{ provider: "acme", requests: 1, ...counts, costUsd: 0.25 }],
    },
    {
      installId: "install-1",
      hostname: "host-1",
      firstSeen: NOW_MS,
      lastSeen: NOW_MS,
      providers: [
        {
          app: "gateway",
          provider: "acme",
          requests: 3,
          inputTokens: 30,
          outputTokens: 15,
          cacheReadTokens: 9,
          cacheWriteTokens: 6,
          costUsd: 0.75,
        },
        { app: "gateway", provider: "other", requests: 1, ...counts, costUsd: 0.25 },
      ],
    },
  ]);
  expect(UsageClients.parse({ generatedAt: 1, clients: found }).clients).toEqual(found);
  expect(rows().map(({ requests }) => requests)).toEqual([1, 1, 1, 1, 1]);
});

test("the same upload twice counts twice: the protocol has no number to tell them apart", () => {
  record(upload([entry("acme")]));
  record(upload([entry("acme")]));
  expect(clients()[0]?.providers[0]?.requests).toBe(2);
});

test("since a time, only clients seen since then and what they used since that hour", () => {
  record(upload([entry("acme")], { installId: "old" }), NOW_MS);
  record(upload([entry("acme", { at: NOW_MS })]), NOW_MS);
  record(upload([entry("acme", { at: NOW_MS + 2 * HOUR_MS })]), NOW_MS + 2 * HOUR_MS);
  const found = clients(all, NOW_MS + HOUR_MS);
  expect(found.map(({ installId }) => installId)).toEqual(["install-1"]);
  expect(found[0]?.providers[0]?.requests).toBe(1);
  expect(found[0]?.firstSeen).toBe(NOW_MS);
});

describe("whoever sees one provider", () => {
  const sees = (id: string) => id === "acme";

  test("learns of no client, count, host name or time of another", () => {
    record(upload([entry("acme")], { hostname: "first-name" }), NOW_MS);
    record(upload([entry("other")], { hostname: "renamed" }), NOW_MS + HOUR_MS);
    record(upload([entry("other")], { installId: "stranger" }), NOW_MS);
    expect(clients(sees)).toMatchObject([
      {
        installId: "install-1",
        hostname: "first-name",
        lastSeen: NOW_MS,
        providers: [{ provider: "acme", requests: 1 }],
      },
    ]);
    expect(clients(sees).length).toBe(1);
    expect(clients(sees, NOW_MS + 1)).toEqual([]);
    expect(clients()[0]).toMatchObject({ hostname: "renamed", lastSeen: NOW_MS + HOUR_MS });
  });

  test("counts for no other", () => {
    record(upload([entry("acme"), entry("other")]), NOW_MS, sees);
    expect(clients()[0]?.providers.map(({ provider }) => provider)).toEqual(["acme"]);
  });
});

test.each([
  ["an hour from now", HOUR_MS],
  ["in another age", 1e15],
  ["two days ago", -48 * HOUR_MS],
])("a client whose clock says %s is counted now", (_, offMs) => {
  record(upload([entry("acme", { at: Math.max(0, NOW_MS + offMs) })]));
  expect(rows().map(({ hourMs }) => hourMs)).toEqual([Math.floor(NOW_MS / HOUR_MS) * HOUR_MS]);
});

test("models made up by the thousand end in one row, and no count is lost", () => {
  const entries = Array.from({ length: 1_000 }, (__, i) => entry("acme", { model: `m-${i}` }));
  record(upload(entries));
  record(upload([entry("acme", { model: "m-0" })]));
  expect(rows().length).toBe(MAX_MODELS_PER_HOUR + 1);
  expect(clients()[0]?.providers[0]?.requests).toBe(1_001);
  expect(rows().find(({ model }) => model === "m-0")?.requests).toBe(2);
});

test("providers made up by the hundred are refused, and nothing of the upload is counted", () => {
  const entries = Array.from({ length: MAX_ROWS_PER_INSTALL + 1 }, (__, i) => entry(`p-${i}`));
  expect(() => record(upload(entries))).toThrow(
    expect.objectContaining({ code: "usage_clients_full" }),
  );
  expect(clients()).toEqual([]);
  record(upload(entries.slice(1)));
  expect(clients()[0]?.providers.length).toBe(MAX_ROWS_PER_INSTALL);
});

test("sums end at the largest number there is, instead of failing", () => {
  const most = { requests: Number.MAX_SAFE_INTEGER, inputTokens: Number.MAX_SAFE_INTEGER };
  for (let i = 0; i < 3; i++) {
    record(upload([entry("acme", { ...most, costUsd: 1e308, at: NOW_MS - i * HOUR_MS })]));
    record(upload([entry("acme", { ...most, costUsd: 1e308 })]));
  }
  const [client] = clients();
  expect(client?.providers[0]).toMatchObject(most);
  expect(Number.isFinite(client?.providers[0]?.costUsd)).toBe(true);
});

test("a month later a client is gone", () => {
  record(upload([entry("acme")]));
  record(upload([entry("acme")], { installId: "new" }), NOW_MS + OBSERVED_RETENTION_MS + HOUR_MS);
  expect(clients().map(({ installId }) => installId)).toEqual(["new"]);
});
