// Where limits and budgets of keys are taken from. Refuses to know prices and models: what a request may use at most
// comes with the claim, what it used in the end with the settling.

import type { SpokenFormatId } from "#wire";
import type { Caller } from "../pipeline/caller.ts";
import type { KeyAccounts } from "./key-accounts.ts";
import type { KeyRules } from "./key-rules.ts";

/** What a request may use at most. */
export interface Claim {
  readonly requestId: string;
  readonly caller: Caller;
  readonly rules: KeyRules;
  /** Dialect of the caller. */
  readonly format: SpokenFormatId;
  /** `provider/model`. */
  readonly model: string;
  readonly isStream: boolean;
  readonly tokens: number;
  /** Null where nothing has to be set aside. */
  readonly nanoUsd: number | null;
}

/** What was taken for one request. */
export interface Held {
  /** Sets another amount aside instead; throws RuleRefusal, or rejects with it, when that is not left. */
  moves(nanoUsd: number | null): void | Promise<void>;
  /** Gives back what was set aside and books what was used; called exactly once. */
  settle(used: { readonly tokens: number; readonly nanoUsd: number }): void;
}

/** Takes what requests need. */
export interface Till {
  /** Throws RuleRefusal, or rejects with it, beyond a limit or budget; then nothing is taken. */
  take(claim: Claim): Held | Promise<Held>;
}

/** What a till works on. */
export interface LocalTillParts {
  readonly accounts: KeyAccounts;
  readonly nowMs: () => number;
  /** Books what a key has spent, for the next process. */
  readonly book: (keyId: string, nanoUsd: number, atMs: number) => void;
}

/** The till of this process. No await between looking and taking: parallel requests cannot pass one another. */
export class LocalTill implements Till {
  readonly #parts: LocalTillParts;

  constructor(parts: LocalTillParts) {
    this.#parts = parts;
  }

  take({ caller, rules, tokens, nanoUsd, isStream }: Claim): Held {
    const { accounts, nowMs, book } = this.#parts;
    const { budget, limits } = accounts.of(caller.id);
    const reserve = (amount: number | null) => {
      if (amount !== null) budget.reserve(rules, amount, nowMs());
      return amount ?? 0;
    };
    let reserved = reserve(nanoUsd);
    const giveBack = orRelease(
      () => limits.take(rules, { tokens, isStream, nowMs: nowMs() }),
      () => budget.release(reserved),
    );
    return {
      moves: (amount) => {
        budget.release(reserved);
        reserved = 0;
        reserved = reserve(amount);
      },
      settle: (used) => {
        const atMs = nowMs();
        giveBack(used.tokens, atMs);
        budget.release(reserved);
        if (used.nanoUsd === 0) return;
        budget.spend(used.nanoUsd, atMs);
        book(caller.id, used.nanoUsd, atMs);
      },
    };
  }
}

function orRelease<T>(take: () => T, release: () => void): T {
  try {
    return take();
  } catch (error) {
    release();
    throw error;
  }
}
