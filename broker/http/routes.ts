// Every route behind the bearer, in one list: what is not in it is not served, and the tests walk it.
// To add one: a file beside these that makes a Route, and a line here.

import type { Metrics } from "#platform";
import type { RefresherSchedule } from "#wire";
import type { ClientTokens } from "../access/client-tokens.ts";
import type { Refresher } from "../refresh/refresher.ts";
import type { GenerationWatch } from "../snapshot/generation-watch.ts";
import type { StreamHub } from "../snapshot/stream-hub.ts";
import type { Vault } from "../vault/vault.ts";
import { blockRoutes } from "./block-routes.ts";
import { credentialRoutes } from "./credential-routes.ts";
import { leaseRoute } from "./lease-route.ts";
import { metricsRoute } from "./metrics-route.ts";
import { refreshRoute } from "./refresh-route.ts";
import type { Route } from "./route.ts";
import { snapshotRoute } from "./snapshot-route.ts";
import { streamRoute } from "./stream-route.ts";
import { usageRoutes, type UsageServices } from "./usage-routes.ts";

/** Everything that some route needs. */
export interface RouteServices extends UsageServices {
  readonly vault: Vault;
  readonly tokens: Pick<ClientTokens, "onEnd">;
  readonly watch: GenerationWatch;
  readonly hub: StreamHub;
  readonly refresher: Pick<Refresher, "refresh">;
  readonly schedule: () => RefresherSchedule;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

/** The routes over one set of services. */
export function brokerRoutes(services: RouteServices): readonly Route[] {
  return [
    snapshotRoute(services),
    streamRoute(services),
    ...credentialRoutes(services),
    refreshRoute(services),
    ...blockRoutes(services),
    leaseRoute(services),
    ...usageRoutes(services),
    metricsRoute(services),
  ];
}
