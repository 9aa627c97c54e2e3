// What a key has spent and asked for outlives the process: a ledger that is opened again knows the day, the week, the
// month and the whole, and the requests of the last day.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import { KeyAccounts } from "../keys/key-accounts.ts";
import { KeyRules } from "../keys/key-rules.ts";
import { Ledger } from "./ledger.ts";

const log = createLogger({ level: "silent", write: () => {} });
const home = mkdtempSync(join(tmpdir(), "parley-restart-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const KEY = "key_1";
const RULES = KeyRules.parse({
  budgets: { day: 1_000, week: 1_000, month: 1_000, total: 1_000 },
  requestsPerDay: 4,
});

/** Opens the ledger as a process that starts at a time would, and closes it again. */
function process<T>(at: string, use: (ledger: Ledger, nowMs: number) => T): T {
  const nowMs = Date.parse(at);
  const ledger = new Ledger(home, { priceOf: () => undefined, log, nowMs: () => nowMs });
  try {
    return use(ledger, nowMs);
  } finally {
    ledger.close();
  }
}

const spend = (at: string, nanoUsd: number) =>
  process(at, (ledger, nowMs) => ledger.book(KEY, nanoUsd, nowMs));

function spentAt(at: string): Record<string, number> {
  return process(at, (ledger, nowMs) => {
    const { budget } = new KeyAccounts((id) => ledger.historyOf(id)).of(KEY);
    const states = budget.states(RULES, nowMs);
    return Object.fromEntries(states.map(({ window, spent }) => [window, spent]));
  });
}

test("day, week, month and total are what earlier processes spent in them", () => {
  // Sunday; Monday of the next week; Tuesday, the first of the next month.
  spend("2026-08-30T23:59:59Z", 1);
  spend("2026-08-31T00:00:01Z", 20);
  spend("2026-09-01T12:00:00Z", 300);
  spend("2026-09-01T12:00:01Z", 300);
  const whole = { total: 621 };
  expect(spentAt("2026-09-01T23:59:59Z")).toEqual({ ...whole, day: 600, week: 620, month: 600 });
  expect(spentAt("2026-09-02T00:00:00Z")).toEqual({ ...whole, day: 0, week: 620, month: 600 });
  expect(spentAt("2026-09-06T23:59:59Z")).toEqual({ ...whole, day: 0, week: 620, month: 600 });
  expect(spentAt("2026-09-07T00:00:00Z")).toEqual({ ...whole, day: 0, week: 0, month: 600 });
  expect(spentAt("2026-10-01T00:00:00Z")).toEqual({ ...whole, day: 0, week: 0, month: 0 });
});

test.each(["day", "week", "month", "total"] as const)(
  "what is left of the budget by %s is refused beyond after a restart",
  (window) => {
    process("2026-09-01T13:00:00Z", (ledger, nowMs) => {
      const { budget } = new KeyAccounts((id) => ledger.historyOf(id)).of(KEY);
      const left =
        1_000 - (budget.states(RULES, nowMs).find((s) => s.window === window)?.spent ?? 0);
      const rules = KeyRules.parse({ budgets: { [window]: 1_000 } });
      expect(() => budget.reserve(rules, left + 1, nowMs)).toThrow("budget of this key");
      budget.reserve(rules, left, nowMs);
      expect(() => budget.reserve(rules, 1, nowMs)).toThrow("budget of this key");
    });
  },
);
