// The one way of a request that brings its own credential: no account of ours is asked in its place, none rests for
// its failures, and nothing of it is remembered. A refusal of the credential is its caller's to read, status and all.

import type { GatewayError } from "../errors.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { OwnCredential } from "../pipeline/own-credential.ts";
import { UpstreamRefused } from "../pipeline/dispatch.ts";
import type { Attempt, Route } from "../pipeline/route.ts";
import type { CatalogModel } from "../models/catalog.ts";
import { callsOf, isSealedElsewhere } from "./failover.ts";

/** Most calls: a connection that broke before an answer is tried once more. */
const MAX_CALLS = 2;

/** What the way is made from. */
export interface OwnRouteParts {
  readonly target: CatalogModel;
  readonly own: OwnCredential;
  readonly exchange: Exchange;
  readonly maxAttempts: number;
}

/** A Route without a choice. */
export class OwnRoute implements Route {
  readonly #parts: OwnRouteParts;
  #callsLeft: number;
  #isBegun = false;
  #isUnsealed = false;

  constructor(parts: OwnRouteParts) {
    this.#parts = parts;
    this.#callsLeft = parts.maxAttempts;
  }

  async next(): Promise<Attempt | undefined> {
    if (this.#isBegun || this.#callsLeft <= 0) return undefined;
    this.#isBegun = true;
    const { target, own, exchange } = this.#parts;
    const without = this.#isUnsealed ? ", without the reasoning, which it cannot read" : "";
    exchange.trail.push(`use the caller's own credential for ${target.id}, and no other${without}`);
    const lease = { key: "", source: "caller", own } as const;
    const maxCalls = Math.min(MAX_CALLS, this.#callsLeft);
    return { target, lease, maxCalls, ...(this.#isUnsealed && { isUnsealed: true }) };
  }

  failed(_attempt: Attempt, error: GatewayError): void {
    this.#callsLeft -= callsOf(error);
    if (this.#isUnsealed || !isSealedElsewhere(error)) return;
    this.#isUnsealed = true;
    this.#isBegun = false;
  }

  refusal(last: unknown): unknown {
    if (!(last instanceof UpstreamRefused)) return last;
    const { format, status, headers, failure } = last;
    if (failure.kind !== "upstream_auth") return last;
    const kind = status === 403 ? "forbidden" : "unauthenticated";
    const { body } = last;
    return new UpstreamRefused({ ...failure, kind }, { format, status, body, headers });
  }

  served(): void {}

  ended(): void {}
}
