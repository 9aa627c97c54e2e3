// A worker's till: limits and budgets are the primary's, asked once for each request of a key that has any. A key
// without any costs no question; what it spent is told all the same.

import type { KeyRules } from "../keys/key-rules.ts";
import type { Claim, Held, Till } from "../keys/till.ts";
import type { ToPrimary } from "./protocol.ts";

/** The primary's till. */
export class RemoteTill implements Till {
  readonly #primary: ToPrimary;
  #lastTicket = 0;

  constructor(primary: ToPrimary) {
    this.#primary = primary;
  }

  take(claim: Claim): Held | Promise<Held> {
    return hasLimit(claim.rules) ? this.#ask(claim) : this.#free(claim);
  }

  async #ask(claim: Claim): Promise<Held> {
    const { requestId, caller, format, model, isStream, tokens, nanoUsd } = claim;
    this.#lastTicket += 1;
    const ticket = this.#lastTicket;
    const primary = this.#primary;
    const key = { keyId: caller.id, rotatedAtMs: caller.rotatedAtMs ?? null };
    const request = { requestId, format, model, isStream };
    await primary.ask("take", { ...key, ...request, ticket, tokens, nanoUsd });
    return {
      moves: async (amount) => void (await primary.ask("move", { ticket, nanoUsd: amount })),
      settle: (used) => primary.tell("settle", { ticket, ...used }),
    };
  }

  #free({ caller }: Claim): Held {
    return {
      moves: () => {},
      settle: ({ nanoUsd }) => {
        if (nanoUsd > 0) this.#primary.tell("spent", { keyId: caller.id, nanoUsd });
      },
    };
  }
}

function hasLimit(rules: KeyRules): boolean {
  const { requestsPerMinute, tokensPerMinute, requestsPerDay, concurrentStreams, budgets } = rules;
  const limits = [requestsPerMinute, tokensPerMinute, requestsPerDay, concurrentStreams];
  return [...limits, ...Object.values(budgets)].some((limit) => limit !== null);
}
