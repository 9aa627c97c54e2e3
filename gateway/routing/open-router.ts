// Puts routing together from what a gateway is started with.

import type { CredentialSource } from "#broker/client";
import type { Logger } from "#platform";
import type { ModelCatalog } from "../models/catalog.ts";
import type { ObserveLimits } from "../pipeline/dispatch.ts";
import type { KeyLeases } from "../pipeline/lease.ts";
import type { Router } from "../pipeline/route.ts";
import type { ObserveSettlement } from "../pipeline/settlement.ts";
import { CoolDowns, type RestNews } from "./cool-downs.ts";
import { type AskUsage, Headroom } from "./headroom.ts";
import { Pool } from "./pool.ts";
import type { RouteLimits } from "./pool-route.ts";
import { PoolRouter } from "./pool-router.ts";
import { type SessionNews, Sessions } from "./routed-session.ts";
import { SharedBlocks } from "./shared-blocks.ts";
import { Turns } from "./turns.ts";

/** What routing is made from. */
export interface OpenRouterOptions {
  readonly catalog: ModelCatalog;
  readonly leases: KeyLeases;
  readonly credentials: CredentialSource;
  readonly limits: RouteLimits;
  readonly askUsage?: AskUsage | undefined;
  /** Ms since the epoch. */
  readonly nowMs: () => number;
  /** Told the provider of each account that begins to rest. */
  readonly onRest?: (providerId: string) => void;
  /** Told what gateways beside this one should know. */
  readonly tell?: ((news: RoutingNews) => void) | undefined;
  readonly log: Logger;
}

/** What gateways that serve the same callers tell one another. */
export type RoutingNews = RestNews | SessionNews;

/** A router, and what it wants to hear. */
export interface Routing {
  readonly router: Router;
  readonly observe: ObserveSettlement;
  readonly observeLimits: ObserveLimits;
  /** Takes what another gateway told. */
  readonly learn: (news: RoutingNews) => void;
}

/** Makes a router over the accounts of every provider. */
export function openRouter(options: OpenRouterOptions): Routing {
  const { catalog, leases, credentials, limits, askUsage, nowMs, onRest, tell, log } = options;
  const headroom = new Headroom({ askUsage });
  const coolDowns = new CoolDowns({ tell });
  const sessions = new Sessions({ tell });
  const pool = new Pool({
    leases,
    coolDowns,
    blocks: new SharedBlocks({ source: credentials, log }),
    headroom,
    turns: new Turns(),
    onRest,
  });
  const router = new PoolRouter({ catalog, leases, pool, limits, sessions, nowMs });
  return {
    router,
    observe: router.observe,
    observeLimits: (id, headers) => headroom.record(id, headers, nowMs()),
    learn: (news) => {
      if ("session" in news) sessions.learn(news, nowMs());
      else coolDowns.learn(news, nowMs());
    },
  };
}
