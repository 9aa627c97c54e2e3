// Finds the ways of a request: the models its id may mean, and the accounts of their providers. Hears of what happened
// after the first byte, too: an account that breaks its streams off is no better than one that refuses.

import type { Candidate, CatalogModel, ModelCatalog } from "../models/catalog.ts";
import { accountKey, type KeyLeases } from "../pipeline/lease.ts";
import type { Route, Router, RouteRequest } from "../pipeline/route.ts";
import type { ObserveSettlement } from "../pipeline/settlement.ts";
import { UpstreamFailed } from "../errors.ts";
import { verdictOn } from "./failover.ts";
import type { Pool } from "./pool.ts";
import { OwnRoute } from "./own-route.ts";
import { PoolRoute, type RouteLimits } from "./pool-route.ts";
import { Sessions } from "./routed-session.ts";
import type { Way } from "./way.ts";

/** What a router is made from. */
export interface PoolRouterParts {
  readonly catalog: ModelCatalog;
  readonly leases: KeyLeases;
  readonly pool: Pool;
  readonly limits: RouteLimits;
  readonly sessions?: Sessions;
  readonly nowMs: () => number;
}

/** Routes through the accounts of every provider. */
export class PoolRouter implements Router {
  readonly #parts: PoolRouterParts;
  readonly #sessions: Sessions;

  constructor(parts: PoolRouterParts) {
    this.#parts = parts;
    this.#sessions = parts.sessions ?? new Sessions();
  }

  begin(request: RouteRequest): Route {
    const { catalog, pool, limits, nowMs } = this.#parts;
    const candidates = catalog.candidates(request.model);
    const { own, caller } = request.exchange;
    const brought = own && firstBrought(candidates, caller.rules?.transparent);
    if (own && brought) {
      const { maxAttempts } = limits;
      return new OwnRoute({ target: brought, own, exchange: request.exchange, maxAttempts });
    }
    return new PoolRoute({
      pool,
      limits,
      nowMs,
      ways: allowed(
        candidates.flatMap((candidate) => this.#waysOf(candidate)),
        request,
      ),
      session: this.#sessions.of(request),
      exchange: request.exchange,
      nothing: () => this.#parts.leases.nothingFor(candidates[0].target.provider),
    });
  }

  /** Told of each request that is over: one that failed after its first byte counts against its account. */
  readonly observe: ObserveSettlement = ({
    outcome,
    model,
    keySource,
    credentialId,
    failureKind,
  }) => {
    if ((outcome !== "failed" && outcome !== "cut") || !model || !keySource) return;
    const verdict = verdictOn(failureKind ?? "bad_gateway");
    if (!verdict || verdict.rests === "nothing") return;
    const key = accountKey(model.provider.id, {
      source: keySource,
      ...(credentialId !== undefined && { credentialId }),
    });
    const account = this.#parts.leases
      .accounts(model.provider)
      .find((candidate) => candidate.key === key);
    if (!account) return;
    const message = "The upstream broke an answer off and rests.";
    const error = new UpstreamFailed({ kind: failureKind ?? "bad_gateway", message });
    const way = { target: model, account, priority: 0, weight: 1 };
    const nowMs = this.#parts.nowMs();
    this.#parts.pool.rest(way, { error, verdict, beganAtMs: nowMs, nowMs });
  };

  #waysOf({ target, priority, weight, credentials }: Candidate): Way[] {
    const accounts = this.#parts.leases.accounts(target.provider);
    const usable = credentials
      ? accounts.filter(
          ({ credentialId }) => credentialId !== undefined && credentials.includes(credentialId),
        )
      : accounts;
    return usable.map((account) => ({ target, account, priority, weight }));
  }
}

/** The model, of those that may serve, whose provider takes the caller's own credential. */
function firstBrought(
  candidates: readonly Candidate[],
  transparent: readonly string[] = [],
): CatalogModel | undefined {
  return candidates
    .filter(({ target: { provider } }) => transparent.includes(provider.id))
    .toSorted((a, b) => a.priority - b.priority)[0]?.target;
}

/** The ways that the caller may use; the first when there is none, so that admission can say why. */
function allowed(ways: readonly Way[], { allows }: RouteRequest): readonly Way[] {
  if (!allows) return ways;
  const open = ways.filter(({ target, account: { credentialId } }) =>
    allows({ target, ...(credentialId !== undefined && { credentialId }) }),
  );
  return open.length > 0 ? open : ways.slice(0, 1);
}
