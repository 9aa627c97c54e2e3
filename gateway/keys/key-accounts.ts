// The counters and the money of each key, in memory, for as long as the gateway runs: what admission takes from and
// what GET /v1/usage shows.

import { Budget } from "./budget.ts";
import { KeyLimits } from "./limits.ts";

/** One key's. */
export interface KeyAccount {
  readonly limits: KeyLimits;
  readonly budget: Budget;
}

/** What earlier processes knew of a key. */
export interface KeyHistory {
  /** Nano-USD by number of the UTC day. */
  readonly spentByDay: ReadonlyMap<number, number>;
  /** Requests of the last day, by when they were made; ms since the epoch, oldest first. */
  readonly requests: readonly { readonly atMs: number; readonly count: number }[];
}

/** The accounts of all keys, opened when they are first asked for. */
export class KeyAccounts {
  readonly #historyOf: (keyId: string) => KeyHistory;
  readonly #accounts = new Map<string, KeyAccount>();

  constructor(historyOf: (keyId: string) => KeyHistory) {
    this.#historyOf = historyOf;
  }

  /** The key's account; reads its history once. */
  of(keyId: string): KeyAccount {
    const open = this.#accounts.get(keyId);
    if (open) return open;
    const { spentByDay, requests } = this.#historyOf(keyId);
    const account = { limits: new KeyLimits(), budget: new Budget(spentByDay) };
    for (const { atMs, count } of requests) account.limits.remember(atMs, count);
    this.#accounts.set(keyId, account);
    return account;
  }
}
