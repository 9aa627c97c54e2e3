// Everything that watches a gateway, opened and stopped together: its log lines, its metrics, its access log, the
// broker it reports to. Refuses to keep a gateway from starting: what cannot be opened is left out, with a warning.

import { type Config, type Environment, EventLoopLag, type Logger, Metrics } from "#platform";
import { gatewayAccessLog } from "../config.ts";
import { logSettlement, type ObserveUse, tellBroker } from "../pipeline/observers.ts";
import type { ObserveSettlement } from "../pipeline/settlement.ts";
import { openAccessLog } from "./access-log.ts";
import { accessLogPath } from "./access-log-file.ts";
import { countSettlements } from "./request-metrics.ts";
import { type WatchPace, watchPaces } from "./stream-pace.ts";

/** What is opened from. */
export interface ObservationOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
  readonly observe: ObserveUse | undefined;
}

/** What a gateway tells. */
export interface Observation {
  readonly metrics: Metrics;
  readonly watchPace: WatchPace;
  readonly observers: readonly ObserveSettlement[];
  /** Writes what is left to write. */
  stop(): Promise<void>;
}

/** Opens it all. */
export function openObservation({ config, env, log, observe }: ObservationOptions): Observation {
  const metrics = new Metrics();
  const lag = new EventLoopLag();
  metrics.readGauge({
    name: "gateway_event_loop_lag_seconds",
    help: "Longest delay of a timer in the last half minute.",
    read: () => lag.read(),
  });
  const accessLog = config.get(gatewayAccessLog)
    ? openAccessLog({ path: accessLogPath(env), log })
    : undefined;
  return {
    metrics,
    watchPace: watchPaces(metrics),
    observers: [
      logSettlement(log),
      countSettlements(metrics),
      ...(accessLog ? [accessLog.record] : []),
      ...(observe ? [tellBroker(observe)] : []),
    ],
    stop: async () => {
      lag.stop();
      accessLog?.stop();
    },
  };
}
