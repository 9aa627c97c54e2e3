// Lets requests in by the limits and budgets of their caller's key. No await between looking and taking: parallel
// requests cannot pass one another. The gateway's own token passes at once.

import type { Admission, AdmissionRequest, Ticket } from "../pipeline/admission.ts";
import { openAdmission } from "../pipeline/admission.ts";
import type { Caller } from "../pipeline/caller.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { WayOffer } from "../pipeline/route.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import type { CatalogModel } from "../models/catalog.ts";
import { boundNanoUsd, costNanoUsd } from "../pricing/price.ts";
import type { PriceOf } from "../pricing/prices.ts";
import type { KeyAccount, KeyAccounts } from "./key-accounts.ts";
import { forbidden, RuleRefusal } from "./key-refusal.ts";
import { accountRefusal, type Policy } from "./policy.ts";
import type { KeyRules } from "./key-rules.ts";
import { boundTokens, type TokenBound } from "./request-bound.ts";

/** What admission decides by. */
export interface KeyAdmissionParts {
  readonly policy: Policy;
  /** Whether a key is still one: a socket outlives the moment in which its key was looked at. */
  readonly isCurrent: (caller: Caller) => boolean;
  readonly accounts: KeyAccounts;
  readonly priceOf: PriceOf;
  readonly nowMs: () => number;
  /** Books what a key has spent, for the next process. */
  readonly book: (keyId: string, nanoUsd: number, atMs: number) => void;
}

/** Admission by key. */
export class KeyAdmission implements Admission {
  readonly #parts: KeyAdmissionParts;

  constructor(parts: KeyAdmissionParts) {
    this.#parts = parts;
  }

  /** Whether policy and rules let the caller be served in a way. */
  readonly mayUse = ({ caller, format }: Exchange, { target, credentialId }: WayOffer): boolean => {
    const { policy } = this.#parts;
    if (policy.isOpenTo(caller)) return true;
    if (accountRefusal(target, credentialId, caller)) return false;
    return policy.refusal(target, caller, format.id) === undefined;
  };

  /** Throws RuleRefusal: 403 for a way that may not be used, 429 beyond a limit, `billing` beyond a budget, 403 for what a budget cannot price. */
  admit(request: AdmissionRequest): Ticket {
    const { caller, format } = request.exchange;
    const { rules } = caller;
    if (rules && !this.#parts.isCurrent(caller)) throw ended();
    // The first way is offered here even when it is none that may be used.
    const refusal =
      this.#parts.policy.refusal(request.target, caller, format.id) ??
      accountRefusal(request.target, request.credentialId, caller);
    if (refusal) throw refusal;
    if (!rules) return openAdmission.admit(request);
    const tokens = countsTokens(rules) ? boundOf(request) : NO_TOKENS;
    const ticket = new KeyTicket(caller.id, rules, { tokens, parts: this.#parts });
    ticket.take(request);
    return ticket;
  }
}

const NO_TOKENS: TokenBound = { input: 0, output: 0 };

/** What the endpoint that is asked can use: counting is free, and an embedding has no output. */
function boundOf({ bytes, target, exchange: { endpoint, headers } }: AdmissionRequest): TokenBound {
  if (endpoint === "count_tokens" || endpoint === "input_tokens") return NO_TOKENS;
  const bound = boundTokens(bytes, target, headers);
  return endpoint === "embeddings" ? { ...bound, output: 0 } : bound;
}

function countsTokens(rules: KeyRules): boolean {
  return rules.tokensPerMinute !== null || hasBudget(rules);
}

function hasBudget({ budgets }: KeyRules): boolean {
  return Object.values(budgets).some((limit) => limit !== null);
}

class KeyTicket implements Ticket {
  readonly #keyId: string;
  readonly #rules: KeyRules;
  readonly #tokens: TokenBound;
  readonly #parts: KeyAdmissionParts;
  readonly #account: KeyAccount;
  #reserved = 0;
  #giveBack: (usedTokens: number, endedAtMs: number) => void = () => {};

  constructor(
    keyId: string,
    rules: KeyRules,
    { tokens, parts }: { tokens: TokenBound; parts: KeyAdmissionParts },
  ) {
    this.#keyId = keyId;
    this.#rules = rules;
    this.#tokens = tokens;
    this.#parts = parts;
    this.#account = parts.accounts.of(keyId);
  }

  take({ target, isStream }: AdmissionRequest): void {
    this.#reserve(target);
    const nowMs = this.#parts.nowMs();
    const tokens = this.#tokens.input + this.#tokens.output;
    try {
      this.#giveBack = this.#account.limits.take(this.#rules, { tokens, isStream, nowMs });
    } catch (error) {
      this.#account.budget.release(this.#reserved);
      throw error;
    }
  }

  moves(target: CatalogModel): void {
    this.#account.budget.release(this.#reserved);
    this.#reserved = 0;
    this.#reserve(target);
  }

  settle(settlement: Settlement): void {
    const { usage } = settlement;
    const nowMs = this.#parts.nowMs();
    const used = usage ? usage.input + usage.cacheRead + usage.cacheWrite + usage.output : 0;
    this.#giveBack(used, nowMs);
    this.#account.budget.release(this.#reserved);
    const spent = this.#spentBy(settlement);
    if (spent === 0) return;
    this.#account.budget.spend(spent, nowMs);
    this.#parts.book(this.#keyId, spent, nowMs);
  }

  #reserve(target: CatalogModel): void {
    if (!hasBudget(this.#rules) || this.#tokens === NO_TOKENS) return;
    if (this.#tokens.isDearer) throw dearer();
    const bound = boundNanoUsd(this.#parts.priceOf(target), this.#tokens);
    if (bound === null) throw unpriced(target.id);
    this.#account.budget.reserve(this.#rules, bound, this.#parts.nowMs());
    this.#reserved = bound;
  }

  // An answer that was broken off, or came without figures, may have cost as much as was reserved for it: a caller who
  // leaves before the last event must not get it for less.
  #spentBy({ outcome, usage, model }: Settlement): number {
    if (outcome === "refused" || !model) return 0;
    const cost = usage ? costNanoUsd(this.#parts.priceOf(model), usage) : null;
    if (outcome === "completed") return cost ?? this.#reserved;
    return Math.max(cost ?? 0, this.#reserved);
  }
}

function ended() {
  return new RuleRefusal("unauthenticated", "invalid_api_key", "This key is not valid any more.", {
    isFinal: true,
  });
}

function unpriced(model: string) {
  return forbidden(
    "model_unpriced",
    `This key has a budget, and ${model} has no price here, so the budget could not be kept. The gateway's operator can set gateway.prices for it.`,
  );
}

function dearer() {
  return forbidden(
    "service_tier_unpriced",
    "This key has a budget, and only the standard service tier has a price here: leave service_tier and speed out.",
  );
}
