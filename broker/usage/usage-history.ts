// What was known of each account's allowances over time: a sample when something has changed, for a month.
// Refuses to grow with how often somebody asks.

import type { Database } from "#platform";
import { UsageHistoryEntry, type UsageLimit } from "#wire";
import { z } from "zod";
import type { SeesProvider } from "../vault/change-log.ts";
import type { StoredCredential } from "../vault/vault.ts";

/** How long samples are kept, in ms. */
export const USAGE_HISTORY_RETENTION_MS = 30 * 24 * 60 * 60_000;
/** Most samples kept, whatever their age; the oldest go first. */
export const MAX_SAMPLES = 200_000;
/** Samples of one credential are this far apart, in ms, at least. */
export const SAMPLE_INTERVAL_MS = 3 * 60_000;
/** Most entries in one answer; the newest are kept. */
export const MAX_HISTORY_ENTRIES = 10_000;

const PRUNE_INTERVAL_MS = 60 * 60_000;

const {
  recordedAt: _,
  provider: __,
  accountKey,
  email,
  accountId,
  ...ofLimit
} = UsageHistoryEntry.shape;
const Account = z.object({ accountKey, email, accountId });
const SampledLimits = z.array(z.object(ofLimit));
type SampledLimits = z.infer<typeof SampledLimits>;

interface SampleRow {
  readonly atMs: number;
  readonly provider: string;
  readonly account: string;
  readonly limits: string;
}

/** Samples of all accounts in one vault. */
export class UsageHistoryLog {
  readonly #database: Database;
  /** The last sample of each credential. */
  readonly #last = new Map<
    number,
    { readonly atMs: number; readonly limits: string } | undefined
  >();
  #prunedAtMs = -Infinity;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Samples what is known of a credential, unless nothing has changed or the last sample was just now. */
  record(stored: StoredCredential, limits: readonly UsageLimit[], nowMs: number): void {
    const text = JSON.stringify(sampled(limits));
    const last = this.#lastOf(stored.id);
    if (limits.length === 0 || last?.limits === text) return;
    if (last !== undefined && Math.abs(nowMs - last.atMs) < SAMPLE_INTERVAL_MS) return;
    this.#database
      .prepare(
        "INSERT INTO usage_history (at_ms, provider, credential_id, account, limits) VALUES (?, ?, ?, ?, ?)",
      )
      .run(nowMs, stored.provider, stored.id, JSON.stringify(accountOf(stored)), text);
    this.#last.set(stored.id, { atMs: nowMs, limits: text });
    this.#prune(nowMs);
  }

  /** Entries since a time, oldest first; of too many, the newest. */
  read({
    sinceMs = 0,
    provider,
    sees = () => true,
  }: {
    sinceMs?: number;
    provider?: string | undefined;
    sees?: SeesProvider;
  } = {}): UsageHistoryEntry[] {
    const providers = this.#providers().filter(
      (known) => sees(known) && (provider === undefined || known === provider),
    );
    const rows = this.#database
      .prepare<[number, string, number], SampleRow>(
        `SELECT at_ms AS atMs, provider, account, limits FROM usage_history
         WHERE at_ms >= ? AND provider IN (SELECT value FROM json_each(?))
         ORDER BY at_ms DESC, id DESC LIMIT ?`,
      )
      .all(sinceMs, JSON.stringify(providers), MAX_HISTORY_ENTRIES);
    const entries = rows.toReversed().flatMap(entriesOf);
    return entries.slice(-MAX_HISTORY_ENTRIES);
  }

  #lastOf(credentialId: number) {
    if (!this.#last.has(credentialId)) {
      const row = this.#database
        .prepare<[number], { atMs: number; limits: string }>(
          `SELECT at_ms AS atMs, limits FROM usage_history WHERE credential_id = ?
           ORDER BY id DESC LIMIT 1`,
        )
        .get(credentialId);
      this.#last.set(credentialId, row);
    }
    return this.#last.get(credentialId);
  }

  #providers(): string[] {
    return this.#database
      .prepare<[], { provider: string }>("SELECT DISTINCT provider FROM usage_history")
      .all()
      .map(({ provider }) => provider);
  }

  #prune(nowMs: number): void {
    if (Math.abs(nowMs - this.#prunedAtMs) < PRUNE_INTERVAL_MS) return;
    this.#prunedAtMs = nowMs;
    this.#database
      .prepare(
        `DELETE FROM usage_history WHERE at_ms < ?
           OR id <= (SELECT MAX(id) FROM usage_history) - ?`,
      )
      .run(nowMs - USAGE_HISTORY_RETENTION_MS, MAX_SAMPLES);
  }
}

// Providers compute the end of a window anew with each answer; a second more or less is no change.
function sampled(limits: readonly UsageLimit[]): SampledLimits {
  return limits.map(({ id, label, window, amount, status }) => ({
    limitId: id,
    label,
    windowLabel: window?.label,
    usedFraction: amount.usedFraction && Math.round(amount.usedFraction * 1_000) / 1_000,
    status,
    resetsAt: window?.resetsAt && Math.round(window.resetsAt / 60_000) * 60_000,
  }));
}

function accountOf({ id, identityKey, credential }: StoredCredential): z.infer<typeof Account> {
  const key = identityKey ?? `credential:${id}`;
  if (credential.type === "api_key") return { accountKey: key };
  return { accountKey: key, email: credential.email, accountId: credential.accountId };
}

// A row that another version wrote, or a damaged one, is left out: the rest is worth showing.
function entriesOf({ atMs, provider, account, limits }: SampleRow): UsageHistoryEntry[] {
  const whose = Account.safeParse(parsedOrNull(account));
  const measured = SampledLimits.safeParse(parsedOrNull(limits));
  if (!whose.success || !measured.success) return [];
  return measured.data.map((limit) => ({ recordedAt: atMs, provider, ...whose.data, ...limit }));
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
