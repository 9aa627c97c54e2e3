// What all workers of a gateway share, opened and closed together by the primary: keys, till, ledger, access log, places,
// kept responses, remembered reasoning, metrics.

import { homeDirectory } from "#platform";
import { gatewayAccessLog, gatewayMaxInFlight, gatewayWorkers } from "../config.ts";
import { ReasoningStore } from "../continuation/reasoning-store.ts";
import type { ResponseStore } from "../continuation/response-store.ts";
import { gatewayLedgerDays, gatewayPrices } from "../keys/config.ts";
import { keyUsageReader, type ReadKeyUsage } from "../keys/key-usage.ts";
import { openTill } from "../keys/open-keys.ts";
import { type AccessLog, openAccessLog } from "../observability/access-log.ts";
import { accessLogPath } from "../observability/access-log-file.ts";
import { priceList } from "../pricing/prices.ts";
import { openResponseStore, type StartGatewayOptions } from "../start.ts";
import { GatheredMetrics } from "./gathered-metrics.ts";
import { PlacePool, portionOf } from "./place-pool.ts";
import type { PlaceKind } from "./protocol.ts";

/** See above. */
export interface SharedServices {
  readonly money: ReturnType<typeof openTill>;
  readonly readUsage: ReadKeyUsage;
  readonly accessLog: AccessLog | undefined;
  readonly responseStore?: ResponseStore;
  readonly reasoning: ReasoningStore;
  readonly metrics: GatheredMetrics;
  readonly places: Readonly<Record<PlaceKind, PlacePool>>;
  readonly nowMs: () => number;
  /** Writes what is left to write. */
  stop(): void;
}

/** Opens them. Throws DatabaseError. */
export function openSharedServices({ config, env, log }: StartGatewayOptions): SharedServices {
  const nowMs = () => performance.timeOrigin + performance.now();
  const priceOf = priceList(config.get(gatewayPrices));
  const ledgerDays = config.get(gatewayLedgerDays);
  const money = openTill({ home: homeDirectory(env), priceOf, ledgerDays, nowMs, log });
  const accessLog = config.get(gatewayAccessLog)
    ? openAccessLog({ path: accessLogPath(env), log })
    : undefined;
  const max = config.get(gatewayMaxInFlight);
  const bounds = { max, portion: portionOf(max, config.get(gatewayWorkers)) };
  const metrics = new GatheredMetrics();
  return {
    money,
    readUsage: keyUsageReader({ ...money, nowMs }),
    accessLog,
    ...openResponseStore(config),
    reasoning: new ReasoningStore({ nowMs }),
    metrics,
    places: { requests: new PlacePool(bounds), sockets: new PlacePool(bounds) },
    nowMs,
    stop: () => {
      metrics.stop();
      accessLog?.stop();
      money.stop();
    },
  };
}
