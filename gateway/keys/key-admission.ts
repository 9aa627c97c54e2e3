// Lets requests in by the limits and budgets of their caller's key: what a request may use at most is worked out here
// and taken from the till in one step. The gateway's own token passes at once.

import type { Admission, AdmissionRequest, Ticket } from "../pipeline/admission.ts";
import { openAdmission } from "../pipeline/admission.ts";
import type { Caller } from "../pipeline/caller.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { WayOffer } from "../pipeline/route.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import type { CatalogModel } from "../models/catalog.ts";
import { boundNanoUsd, costNanoUsd } from "../pricing/price.ts";
import type { PriceOf } from "../pricing/prices.ts";
import { forbidden, RuleRefusal } from "./key-refusal.ts";
import { accountRefusal, type Policy } from "./policy.ts";
import type { KeyRules } from "./key-rules.ts";
import { boundTokens, type TokenBound } from "./request-bound.ts";
import type { Held, Till } from "./till.ts";

/** What admission decides by. */
export interface KeyAdmissionParts {
  readonly policy: Policy;
  /** Whether a key is still one: a socket outlives the moment in which its key was looked at. */
  readonly isCurrent: (caller: Caller) => boolean;
  readonly till: Till;
  readonly priceOf: PriceOf;
}

/** Admission by key. */
export class KeyAdmission implements Admission {
  readonly #parts: KeyAdmissionParts;

  constructor(parts: KeyAdmissionParts) {
    this.#parts = parts;
  }

  /** Whether policy and rules let the caller be served in a way. */
  readonly mayUse = ({ caller, format }: Exchange, offer: WayOffer): boolean => {
    const { policy } = this.#parts;
    if (policy.isOpenTo(caller)) return true;
    if (accountRefusal(offer, caller)) return false;
    return policy.refusal(offer.target, caller, format.id) === undefined;
  };

  /** Throws RuleRefusal: 403 for a way that may not be used, 429 beyond a limit, `billing` beyond a budget, 403 for what a budget cannot price. */
  admit(request: AdmissionRequest): Ticket | Promise<Ticket> {
    const { caller, format, id } = request.exchange;
    const { rules } = caller;
    if (rules && !this.#parts.isCurrent(caller)) throw ended();
    // The first way is offered here even when it is none that may be used.
    const refusal =
      this.#parts.policy.refusal(request.target, caller, format.id) ??
      accountRefusal(request, caller);
    if (refusal) throw refusal;
    if (!rules) return openAdmission.admit(request);
    const { target, isStream } = request;
    const { priceOf, till } = this.#parts;
    const tokens = countsTokens(rules) ? boundOf(request) : NO_TOKENS;
    const boundFor = (model: CatalogModel) => boundCost(model, { rules, tokens, priceOf });
    const nanoUsd = boundFor(target);
    const held = till.take({
      requestId: id,
      caller,
      rules,
      format: format.id,
      model: target.id,
      isStream,
      tokens: tokens.input + tokens.output,
      nanoUsd,
    });
    const open = (taken: Held) => new KeyTicket(taken, { nanoUsd, boundFor, priceOf });
    // One process has its till at hand and waits for nobody.
    return held instanceof Promise ? held.then(open) : open(held);
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

/** The most it may cost; null where no budget asks. Throws RuleRefusal for what a budget cannot price. */
function boundCost(
  target: CatalogModel,
  { rules, tokens, priceOf }: { rules: KeyRules; tokens: TokenBound; priceOf: PriceOf },
): number | null {
  if (!hasBudget(rules) || tokens === NO_TOKENS) return null;
  if (tokens.isDearer) throw dearer();
  const bound = boundNanoUsd(priceOf(target), tokens);
  if (bound === null) throw unpriced(target.id);
  return bound;
}

interface KeyTicketParts {
  readonly nanoUsd: number | null;
  readonly boundFor: (target: CatalogModel) => number | null;
  readonly priceOf: PriceOf;
}

class KeyTicket implements Ticket {
  readonly #held: Held;
  readonly #parts: KeyTicketParts;
  #reserved: number;

  constructor(held: Held, parts: KeyTicketParts) {
    this.#held = held;
    this.#parts = parts;
    this.#reserved = parts.nanoUsd ?? 0;
  }

  moves(target: CatalogModel): void | Promise<void> {
    const nanoUsd = this.#parts.boundFor(target);
    this.#reserved = nanoUsd ?? 0;
    return this.#held.moves(nanoUsd);
  }

  settle(settlement: Settlement): void {
    const { usage } = settlement;
    const tokens = usage ? usage.input + usage.cacheRead + usage.cacheWrite + usage.output : 0;
    this.#held.settle({ tokens, nanoUsd: this.#spentBy(settlement) });
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
