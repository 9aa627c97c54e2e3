// What one worker has taken from the till and not settled yet. When it is gone, each claim is settled as dearly as it
// may have been, and put on record: nobody knows what its upstream had already done.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { GatewayKeys } from "../keys/gateway-keys.ts";
import { RuleRefusal } from "../keys/key-refusal.ts";
import type { Claim, Held, Till } from "../keys/till.ts";
import type { z } from "zod";
import type { TakeAsk } from "./protocol.ts";

/** What claims are taken from. */
export interface OpenClaimsParts {
  readonly keys: Pick<GatewayKeys, "currentAnew">;
  readonly till: Till;
  readonly nowMs: () => number;
}

/** A claim whose worker is gone. */
export interface LostClaim {
  readonly claim: Claim;
  /** Ms since the epoch. */
  readonly takenAtMs: number;
}

interface Open extends LostClaim {
  readonly held: Held;
  nanoUsd: number | null;
}

/** The claims of one worker. */
export class OpenClaims {
  readonly #parts: OpenClaimsParts;
  readonly #open = new Map<number, Open>();
  #isLost = false;

  constructor(parts: OpenClaimsParts) {
    this.#parts = parts;
  }

  /** Takes what a request needs. Rejects with RuleRefusal; then nothing is taken. */
  async take({ ticket, keyId, rotatedAtMs, ...request }: z.infer<typeof TakeAsk>): Promise<void> {
    const { nowMs } = this.#parts;
    const caller = this.#parts.keys.currentAnew({ id: keyId, rotatedAtMs });
    if (!caller) throw notValid();
    const claim = { ...request, caller, rules: caller.rules };
    const held = await this.#patiently(() => this.#parts.till.take(claim));
    const open = { claim, held, takenAtMs: nowMs(), nanoUsd: claim.nanoUsd };
    if (this.#isLost) settleDearly(open);
    else this.#open.set(ticket, open);
  }

  /** Sets another amount aside. Rejects with RuleRefusal. */
  async move({ ticket, nanoUsd }: { ticket: number; nanoUsd: number | null }): Promise<void> {
    const open = this.#open.get(ticket);
    if (!open) return;
    open.nanoUsd = 0;
    await this.#patiently(() => open.held.moves(nanoUsd));
    open.nanoUsd = nanoUsd;
  }

  /** Gives back what was set aside and books what was used. */
  settle({ ticket, ...used }: { ticket: number; tokens: number; nanoUsd: number }): void {
    const open = this.#open.get(ticket);
    this.#open.delete(ticket);
    open?.held.settle(used);
  }

  /** The worker is gone: settles what is open, and tells what it was. */
  lose(): readonly (LostClaim & { readonly nanoUsd: number })[] {
    this.#isLost = true;
    const lost = [...this.#open.values()];
    this.#open.clear();
    for (const open of lost) settleDearly(open);
    return lost.map(({ claim, takenAtMs, nanoUsd }) => ({
      claim,
      takenAtMs,
      nanoUsd: nanoUsd ?? 0,
    }));
  }

  // What another worker has given back may have arrived and not been read yet: before somebody is refused, it is.
  async #patiently<T>(take: () => T | Promise<T>): Promise<T> {
    try {
      return await take();
    } catch (error) {
      if (!(error instanceof RuleRefusal)) throw error;
      await nextTurn();
      return take();
    }
  }
}

function settleDearly({ held, claim, nanoUsd }: Open): void {
  held.settle({ tokens: claim.tokens, nanoUsd: nanoUsd ?? 0 });
}

function notValid(): RuleRefusal {
  return new RuleRefusal("unauthenticated", "invalid_api_key", "This key is not valid any more.", {
    isFinal: true,
  });
}
