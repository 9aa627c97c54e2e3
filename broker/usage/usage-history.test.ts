// What is kept of the past, for how long, and who reads it.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { UsageHistory, type UsageLimit } from "#wire";
import type { StoredCredential } from "../vault/vault.ts";
import {
  MAX_HISTORY_ENTRIES,
  SAMPLE_INTERVAL_MS,
  USAGE_HISTORY_RETENTION_MS,
  UsageHistoryLog,
} from "./usage-history.ts";
import { grant, openUsageBench, type UsageBench } from "./usage-under-test.ts";

const NOW_MS = Date.UTC(2026, 10, 20);
let bench: UsageBench;
let log: UsageHistoryLog;

beforeEach(() => {
  bench = openUsageBench();
  log = new UsageHistoryLog(bench.vault.file.database);
});

afterEach(() => bench.close());

function store(provider: string, name = "a"): StoredCredential {
  const stored = bench.vault.get(bench.vault.upsert(provider, grant(name)).id);
  if (stored === undefined) throw new Error("not stored");
  return stored;
}

function limit(usedFraction: number | undefined, resetsAt?: number): UsageLimit {
  return {
    id: "5h",
    label: "5 hours",
    scope: { provider: "acme" },
    window: { id: "5h", label: "5 hours", resetsAt },
    amount: { usedFraction, unit: "percent" },
    status: "ok",
  };
}

test("an entry says whose allowance it was, how much was used, and when", () => {
  log.record(store("acme"), [limit(0.25, NOW_MS + 60_000)], NOW_MS);
  const entries = log.read();
  expect(entries).toEqual([
    {
      recordedAt: NOW_MS,
      provider: "acme",
      accountKey: "email:a@example.test",
      email: "a@example.test",
      accountId: "account-a",
      limitId: "5h",
      label: "5 hours",
      windowLabel: "5 hours",
      usedFraction: 0.25,
      status: "ok",
      resetsAt: NOW_MS + 60_000,
    },
  ]);
  expect(UsageHistory.parse({ generatedAt: NOW_MS, entries }).entries).toEqual(entries);
  expect(JSON.stringify(entries)).not.toContain("canary");
});

test("what has not changed is no new sample, nor is a window's end that wavers by a second", () => {
  const stored = store("acme");
  const endMs = NOW_MS + 600_000;
  for (let minute = 0; minute < 60; minute += 5) {
    const wavering = limit(0.25001 + minute * 1e-6, endMs + (minute % 2) * 1_000);
    log.record(stored, [wavering], NOW_MS + minute * 60_000);
  }
  expect(log.read().length).toBe(1);
});

test("however often numbers change, samples keep their distance, also after a restart", () => {
  const stored = store("acme");
  const record = (atMs: number) => log.record(stored, [limit(Math.random())], NOW_MS + atMs);
  for (let atMs = 0; atMs < SAMPLE_INTERVAL_MS; atMs += 1_000) record(atMs);
  log = new UsageHistoryLog(bench.vault.file.database);
  record(SAMPLE_INTERVAL_MS - 1);
  expect(log.read().length).toBe(1);
  record(SAMPLE_INTERVAL_MS);
  expect(log.read().length).toBe(2);
});

test("a month later a sample is gone", () => {
  const stored = store("acme");
  log.record(stored, [limit(0.1)], NOW_MS);
  log.record(stored, [limit(0.2)], NOW_MS + USAGE_HISTORY_RETENTION_MS + 1);
  expect(log.read().map(({ usedFraction }) => usedFraction)).toEqual([0.2]);
});

test("entries can be asked for by time and provider, and come oldest first", () => {
  const [acme, other] = [store("acme"), store("other")];
  log.record(acme, [limit(0.1)], NOW_MS);
  log.record(other, [limit(0.2)], NOW_MS + 1);
  log.record(acme, [limit(0.3)], NOW_MS + SAMPLE_INTERVAL_MS);
  const fractions = (query: Parameters<UsageHistoryLog["read"]>[0]) =>
    log.read(query).map(({ usedFraction }) => usedFraction);
  expect(fractions({})).toEqual([0.1, 0.2, 0.3]);
  expect(fractions({ provider: "acme" })).toEqual([0.1, 0.3]);
  expect(fractions({ sinceMs: NOW_MS + 1 })).toEqual([0.2, 0.3]);
  expect(fractions({ provider: "other", sees: (id) => id === "acme" })).toEqual([]);
});

test("an answer is bounded, by what the reader sees alone", () => {
  const [acme, other] = [store("acme"), store("other")];
  log.record(acme, [limit(0.5)], NOW_MS);
  const many = Array.from({ length: MAX_HISTORY_ENTRIES }, () => limit(0.1));
  log.record(other, [...many, limit(0.2)], NOW_MS + 1);
  const entries = log.read();
  expect(entries.length).toBe(MAX_HISTORY_ENTRIES);
  expect(entries.at(-1)?.usedFraction).toBe(0.2);
  expect(log.read({ sees: (id) => id === "acme" }).length).toBe(1);
});
