// Cool-downs across gateways, through the broker: what others told is respected, what this one learns is told. Telling
// is best effort and never waited for; a block that outlives MAX_REST_MS is asked about again all the same.

import type { CredentialSource } from "#broker/client";
import type { Logger } from "#platform";
import type { CredentialBlock } from "#wire";
import type { Account } from "../pipeline/lease.ts";
import { BoundedMap } from "./bounded-map.ts";
import { COOL_DOWN_MEMORY_MS, MAX_COOL_DOWNS, MAX_REST_MS } from "./cool-downs.ts";

/** A shorter cool-down is over before others would hear of it, in ms. */
export const MIN_SHARED_MS = 2_000;
/** A block is told again only when it moves by more than this, in ms. */
const SAME_MOMENT_MS = 1_000;
const MODEL_SCOPE = "model:";

interface Seen {
  readonly untilMs: number;
  readonly seenAtMs: number;
}

/** What blocks need. */
export interface SharedBlocksOptions {
  readonly source: CredentialSource;
  readonly log: Logger;
}

/** Where a block stands: an account of a provider, one of its models or all of them. */
export interface BlockPlace {
  readonly account: Account;
  readonly providerId: string;
  /** Absent: every model. */
  readonly modelId?: string | undefined;
}

/** The blocks that gateways share. */
export class SharedBlocks {
  readonly #source: CredentialSource;
  readonly #log: Logger;
  readonly #seen = new BoundedMap<Seen>(MEMORY);
  readonly #told = new BoundedMap<number>(MEMORY);
  /** Ends of blocks that a success of ours has disproved. */
  readonly #disproved = new BoundedMap<number>(MEMORY);

  constructor({ source, log }: SharedBlocksOptions) {
    this.#source = source;
    this.#log = log;
  }

  /** Until when others say that the account is to be left alone for this model, in ms since the epoch; 0 when they do not. */
  untilMs({ account, providerId, modelId = "" }: BlockPlace, nowMs: number): number {
    let until = 0;
    for (const block of account.blocks ?? []) {
      if (block.providerKey !== providerId || !concerns(block.blockScope, modelId)) continue;
      until = Math.max(until, this.#credibleUntil(account.key, block, nowMs));
    }
    return until;
  }

  /** Tells the others. */
  tell({ account, providerId, modelId }: BlockPlace, untilMs: number, nowMs: number): void {
    const { credentialId } = account;
    if (credentialId === undefined || untilMs - nowMs < MIN_SHARED_MS) return;
    const blockScope = modelId === undefined ? "" : MODEL_SCOPE + modelId;
    const place = `${account.key} ${blockScope}`;
    const told = this.#told.get(place, nowMs) ?? 0;
    if (Math.abs(untilMs - told) < SAME_MOMENT_MS) return;
    this.#told.set(place, untilMs, nowMs);
    this.#send(credentialId, { providerKey: providerId, blockScope, blockedUntilMs: untilMs });
  }

  /** An account has answered for a model: what said that it would not is over. */
  lift({ account, providerId, modelId = "" }: BlockPlace, nowMs: number): void {
    const { credentialId, blocks = [] } = account;
    if (credentialId === undefined) return;
    for (const block of blocks) {
      const { providerKey, blockScope, blockedUntilMs } = block;
      if (providerKey !== providerId || !concerns(blockScope, modelId)) continue;
      if (this.#credibleUntil(account.key, block, nowMs) === 0) continue;
      const place = `${account.key} ${blockScope}`;
      this.#disproved.set(place, blockedUntilMs, nowMs);
      this.#told.delete(place);
      this.#send(credentialId, { providerKey, blockScope, blockedUntilMs: nowMs });
    }
  }

  #credibleUntil(
    account: string,
    { blockScope, blockedUntilMs }: CredentialBlock,
    nowMs: number,
  ): number {
    if (blockedUntilMs <= nowMs) return 0;
    const place = `${account} ${blockScope}`;
    if ((this.#disproved.get(place, nowMs) ?? 0) >= blockedUntilMs) return 0;
    const seen = this.#seen.get(place, nowMs);
    if (seen?.untilMs === blockedUntilMs) {
      const askAgainAtMs = seen.seenAtMs + MAX_REST_MS;
      return askAgainAtMs > nowMs ? Math.min(blockedUntilMs, askAgainAtMs) : 0;
    }
    this.#seen.set(place, { untilMs: blockedUntilMs, seenAtMs: nowMs }, nowMs);
    return Math.min(blockedUntilMs, nowMs + MAX_REST_MS);
  }

  // Later, because a vault in this process writes to its disk at once, and a caller is waiting.
  #send(credentialId: number, block: CredentialBlock): void {
    setImmediate(() => {
      this.#source.block?.(credentialId, block).catch((error: unknown) => {
        this.#log.debug("a cool-down could not be shared", { credentialId, error });
      });
    });
  }
}

const MEMORY = { maxEntries: MAX_COOL_DOWNS, ttlMs: COOL_DOWN_MEMORY_MS };

/** Other clients name tiers (`opus`): such a scope concerns the models that carry its name. */
function concerns(scope: string, modelId: string): boolean {
  if (scope === "") return true;
  if (scope.startsWith(MODEL_SCOPE)) return scope.slice(MODEL_SCOPE.length) === modelId;
  return modelId.includes(scope);
}
