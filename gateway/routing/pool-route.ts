// The ways of one request through a pool of accounts: which is tried next, and what its failure means for the others.
// Refuses to try more than was allowed, and anything after a failure that is about the request itself.

import { GatewayError } from "../errors.ts";
import type { Attempt, Route } from "../pipeline/route.ts";
import type { Lease } from "../pipeline/lease.ts";
import {
  callsOf,
  isSealedElsewhere,
  judge,
  mostUseful,
  type Remembered,
  type Verdict,
} from "./failover.ts";
import type { Pool } from "./pool.ts";
import { RoutedSession } from "./routed-session.ts";
import { nameOf, type Way } from "./way.ts";
import type { Exchange } from "../pipeline/exchange.ts";

/** Most calls one way may cost: a connection that broke before an answer is tried once more. */
const MAX_CALLS_PER_WAY = 2;

/** How much one request may cost. */
export interface RouteLimits {
  /** Most calls to upstreams. */
  readonly maxAttempts: number;
  /** Ms after its arrival in which another way may still be begun. */
  readonly failoverTimeoutMs: number;
}

/** What a route is made from. */
export interface PoolRouteParts {
  readonly pool: Pool;
  readonly ways: readonly Way[];
  readonly session: RoutedSession;
  readonly exchange: Exchange;
  readonly limits: RouteLimits;
  readonly nowMs: () => number;
  /** What is said when there is no way at all. */
  readonly nothing: () => GatewayError;
}

interface Current {
  readonly attempt: Attempt;
  readonly way: Way;
  readonly beganAtMs: number;
}

/** A login whose token was refused, or a command whose key was, to be tried once more with a new one. */
interface Renewal {
  readonly way: Way;
  readonly refused: { readonly key: string; readonly error: GatewayError };
}

/** A Route through a Pool. */
export class PoolRoute implements Route {
  readonly #parts: PoolRouteParts;
  readonly #left: Set<Way>;
  readonly #failures: Remembered[] = [];
  readonly #renewed = new Set<string>();
  #callsLeft: number;
  #current: Current | undefined;
  #renewal: Renewal | undefined;
  #final: GatewayError | undefined;
  /** The way to ask once more, without the reasoning that its account cannot read. */
  #unsealing: Way | undefined;
  #isUnsealed = false;
  /** True when every account rests: then one is asked, and no other after it. */
  #isTrial = false;

  constructor(parts: PoolRouteParts) {
    this.#parts = parts;
    this.#left = new Set(parts.ways);
    this.#callsLeft = parts.limits.maxAttempts;
  }

  async next(): Promise<Attempt | undefined> {
    while (this.#mayGoOn()) {
      const renewal = this.#renewal;
      this.#renewal = undefined;
      const way = renewal?.way ?? this.#unsealing ?? this.#choose();
      this.#unsealing = undefined;
      if (!way) break;
      const lease = await this.#take(way, renewal?.refused);
      if (lease) return this.#begin(way, lease);
    }
    if (this.#current) return undefined;
    throw this.refusal(this.#parts.nothing());
  }

  failed(attempt: Attempt, error: GatewayError): void {
    const current = this.#current;
    if (current?.attempt !== attempt) return;
    this.#callsLeft -= callsOf(error);
    const { way } = current;
    const verdict = judge(error);
    this.#parts.pool.ended(way, this.#parts.nowMs());
    if (isSealedElsewhere(error) && !this.#isUnsealed) {
      this.#say(`ask ${nameOf(way)} again without the reasoning, which it cannot read`);
      this.#isUnsealed = true;
      this.#unsealing = way;
      return;
    }
    if (!verdict) {
      this.#say("no other way: the failure is about the request");
      this.#final = error;
      // It was read and judged, so the account is well.
      this.#parts.pool.succeeded(way, { ...current, nowMs: this.#parts.nowMs() });
      return;
    }
    if (this.#canRenew(way, verdict)) {
      const { credentialId } = way.account;
      const what = credentialId === undefined ? "key" : `login ${credentialId}`;
      this.#say(`renew the ${what}: its token was refused`);
      this.#renewed.add(way.account.key);
      this.#renewal = { way, refused: { key: attempt.lease.key, error } };
      return;
    }
    this.#fail(way, error, verdict);
  }

  refusal(last: unknown): unknown {
    return this.#final ?? mostUseful(this.#failures)?.error ?? last;
  }

  served(attempt: Attempt): void {
    const current = this.#current;
    if (current?.attempt !== attempt) return;
    const { pool, session } = this.#parts;
    const nowMs = this.#parts.nowMs();
    pool.succeeded(current.way, { ...current, nowMs });
    session.keep(current.way, nowMs);
  }

  ended(): void {
    if (this.#current) this.#parts.pool.ended(this.#current.way, this.#parts.nowMs());
  }

  #mayGoOn(): boolean {
    if (this.#final) return false;
    if (!this.#current && this.#failures.length === 0) return true;
    const { limits, exchange, nowMs } = this.#parts;
    const elapsedMs = nowMs() - exchange.startedAtMs;
    if (this.#left.size === 0 && !this.#renewal && !this.#unsealing) return false;
    if (this.#callsLeft <= 0) this.#say(`no other way: ${limits.maxAttempts} calls were made`);
    else if (elapsedMs >= limits.failoverTimeoutMs) {
      this.#say(`no other way: ${Math.round(elapsedMs)} ms have passed`);
    } else return true;
    return false;
  }

  #choose(): Way | undefined {
    const { pool, session, nowMs } = this.#parts;
    if (this.#isTrial) return undefined;
    const choice = pool.choose([...this.#left], {
      session,
      isFirst: this.#current === undefined && this.#failures.length === 0,
      nowMs: nowMs(),
    });
    for (const line of choice.trail) this.#say(line);
    if (choice.refusal) this.#final = choice.refusal;
    this.#isTrial = choice.isTrial;
    return choice.way;
  }

  async #take(way: Way, refused: Renewal["refused"] | undefined): Promise<Lease | undefined> {
    this.#left.delete(way);
    const { leases } = this.#parts.pool;
    try {
      const lease = await leases.take(way.target.provider, way.account, { refused: refused?.key });
      if (lease.key !== refused?.key) return lease;
      this.#failWith(way, refused.error);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#failWith(way, error);
    }
    return undefined;
  }

  #begin(way: Way, lease: Lease): Attempt {
    const maxCalls = Math.min(MAX_CALLS_PER_WAY, this.#callsLeft);
    const attempt = {
      target: way.target,
      lease,
      maxCalls,
      ...(this.#isUnsealed && { isUnsealed: true }),
    };
    const beganAtMs = this.#parts.nowMs();
    this.#current = { attempt, way, beganAtMs };
    this.#parts.pool.begun(way, beganAtMs);
    return attempt;
  }

  #canRenew({ account, target }: Way, { isCredential }: Verdict): boolean {
    if (!isCredential || this.#renewed.has(account.key)) return false;
    return this.#parts.pool.leases.canRenew(target.provider, account);
  }

  #failWith(way: Way, error: GatewayError): void {
    const verdict = judge(error);
    if (verdict) this.#fail(way, error, verdict);
    else this.#final = error;
  }

  #fail(way: Way, error: GatewayError, verdict: Verdict): void {
    const nowMs = this.#parts.nowMs();
    const beganAtMs = this.#current?.beganAtMs ?? nowMs;
    if (verdict.rests === "nothing") {
      this.#parts.pool.succeeded(way, { beganAtMs, nowMs });
      this.#failures.push({ error, untilMs: nowMs });
      return this.#say(`${nameOf(way)} ${verdict.reason}`);
    }
    const untilMs = this.#parts.pool.rest(way, { error, verdict, beganAtMs, nowMs });
    this.#failures.push({ error, untilMs });
    const seconds = Math.ceil((untilMs - nowMs) / 1_000);
    this.#say(`${nameOf(way)} rests for ${seconds} s: ${verdict.reason}`);
  }

  #say(line: string): void {
    this.#parts.exchange.trail.push(line);
  }
}
