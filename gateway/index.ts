// The public door of gateway/: its settings, and the way to start one. What serves is loaded only then, because every
// command reads the settings, and most run no gateway.

import { type Environment, homeDirectory } from "#platform";
import type { DashPass } from "./dash/dash-passes.ts";
import type { GatewayKeys } from "./keys/gateway-keys.ts";
import type { UsageGroup, UsageSum } from "./ledger/usage-sums.ts";
import type { AccessLogReader } from "./observability/access-log-file.ts";
import type { ProviderConfig } from "./providers/operator.ts";
import { gatewayWorkers } from "./config.ts";
import type { Gateway, StartGatewayOptions } from "./start.ts";

export { gatewayBind, gatewayKeys, gatewayNoAuth, gatewayWorkers, providersKey } from "./config.ts";
export { GATEWAY_TOKEN_PREFIX, gatewayTokenPath } from "./gateway-token.ts";
export type { GatewayKeys, NewVirtualKey, VirtualKey } from "./keys/gateway-keys.ts";
export { GatewayKeyError } from "./keys/key-errors.ts";
export { KeyRules } from "./keys/key-rules.ts";
export type { UsageGroup, UsageSum } from "./ledger/usage-sums.ts";
export { PRICES_AS_OF } from "./pricing/price-table.ts";
export type { AccessLogReader } from "./observability/access-log-file.ts";
export type { AccessRecord } from "./observability/access-record.ts";
export type { ProviderConfig } from "./providers/operator.ts";
export type { Gateway, StartGatewayOptions } from "./start.ts";

/** Starts listening, with as many processes as `gateway.workers` says. Rejects for a busy port, a public bind, an incomplete provider. */
export async function startGateway(options: StartGatewayOptions): Promise<Gateway> {
  if (options.config.get(gatewayWorkers) > 1) {
    const primary = await import("./workers/primary.ts");
    return primary.startPrimary(options);
  }
  const gateway = await import("./start.ts");
  return gateway.startGateway(options);
}

/** Rejects when the operator's providers would keep a gateway from starting; for `agent doctor`. */
export async function checkUpstreams(
  overrides: Readonly<Record<string, ProviderConfig>>,
  env: Environment,
): Promise<void> {
  const gateway = await import("./start.ts");
  gateway.listProviders(overrides, env, { hasSimulator: false });
}

/** Ids of the upstreams that a gateway with these overrides serves. Rejects like checkUpstreams. */
export async function upstreamIds(
  overrides: Readonly<Record<string, ProviderConfig>>,
  env: Environment,
): Promise<readonly string[]> {
  const gateway = await import("./start.ts");
  return gateway.listProviders(overrides, env, { hasSimulator: true }).map(({ id }) => id);
}

/** The finished requests that a gateway of this home has kept; undefined when none has. Rejects with DatabaseError. */
export async function readAccessLog(env: Environment): Promise<AccessLogReader | undefined> {
  const file = await import("./observability/access-log-file.ts");
  return file.readAccessLog(env);
}

/** Makes a link's secret for /dash, which works once and soon. Rejects with DatabaseError. */
export async function makeDashLink(env: Environment): Promise<DashPass> {
  const { DashPasses } = await import("./dash/dash-passes.ts");
  const passes = new DashPasses(homeDirectory(env));
  try {
    return passes.makeLink();
  } finally {
    passes.close();
  }
}

/** Opens the keys of this home; close them. Rejects with DatabaseError. */
export async function openGatewayKeys(env: Environment): Promise<GatewayKeys> {
  const { GatewayKeys: Keys } = await import("./keys/gateway-keys.ts");
  return new Keys(homeDirectory(env));
}

/** What the ledger of this home adds up over a stretch of time, in ms since the epoch; nothing where there is no ledger. */
export async function readUsageSums(
  env: Environment,
  options: { by: UsageGroup; sinceMs: number; untilMs?: number },
): Promise<UsageSum[]> {
  const ledger = await import("./ledger/ledger.ts");
  const { usageSums } = await import("./ledger/usage-sums.ts");
  const database = ledger.openLedgerIfAny(homeDirectory(env));
  if (!database) return [];
  try {
    return usageSums(database, options);
  } finally {
    database.close();
  }
}
