// Everything that watches a gateway, opened and stopped together: its log lines, its metrics, its access log, the
// broker it reports to. Refuses to keep a gateway from starting: what cannot be opened is left out, with a warning.

import { type Config, type Environment, EventLoopLag, type Logger, Metrics } from "#platform";
import { resolveConfigValue } from "#broker/client";
import {
  gatewayAccessLog,
  telemetryOtlpEndpoint,
  telemetryOtlpHeaders,
  telemetryPropagate,
} from "../config.ts";
import { logSettlement, type ObserveUse, tellBroker } from "../pipeline/observers.ts";
import type { ObserveSettlement } from "../pipeline/settlement.ts";
import type { PriceOf } from "../pricing/prices.ts";
import { openAccessLog } from "./access-log.ts";
import { accessLogPath } from "./access-log-file.ts";
import { countRests, countSettlements } from "./request-metrics.ts";
import { type WatchPace, watchPaces } from "./stream-pace.ts";
import type { Traces } from "./traces.ts";

/** What is opened from. */
export interface ObservationOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
  readonly observe: ObserveUse | undefined;
  readonly priceOf: PriceOf;
  /** Records requests in another process; then no access log is opened here. */
  readonly recordElsewhere?: ObserveSettlement;
}

/** What a gateway tells. */
export interface Observation {
  readonly metrics: Metrics;
  readonly watchPace: WatchPace;
  /** Told the provider of each account that begins to rest. */
  readonly countRest: (providerId: string) => void;
  /** Absent where nothing is traced. */
  readonly beginTrace?: Traces["begin"];
  readonly observers: readonly ObserveSettlement[];
  /** Writes what is left to write. */
  stop(): Promise<void>;
}

/** Opens it all. Rejects when a header for the collector cannot be resolved. */
export async function openObservation(options: ObservationOptions): Promise<Observation> {
  const { config, env, log, observe, priceOf, recordElsewhere } = options;
  const traces = await openTraces(options);
  const metrics = new Metrics();
  const lag = new EventLoopLag();
  metrics.readGauge({
    name: "gateway_event_loop_lag_seconds",
    help: "Longest delay of a timer in the last half minute.",
    aggregator: "max",
    read: () => lag.read(),
  });
  const isKept = config.get(gatewayAccessLog) && !recordElsewhere;
  const accessLog = isKept ? openAccessLog({ path: accessLogPath(env), log }) : undefined;
  return {
    metrics,
    watchPace: watchPaces(metrics),
    countRest: countRests(metrics),
    ...(traces && { beginTrace: traces.begin }),
    observers: [
      logSettlement(log),
      countSettlements(metrics, priceOf),
      ...(accessLog ? [accessLog.record] : []),
      ...(recordElsewhere ? [recordElsewhere] : []),
      ...(traces ? [traces.record] : []),
      ...(observe ? [tellBroker(observe)] : []),
    ],
    stop: async () => {
      lag.stop();
      accessLog?.stop();
      await traces?.stop();
    },
  };
}

/** Loads the tracing packages only where a collector is named. */
async function openTraces({ config, env, log }: ObservationOptions): Promise<Traces | undefined> {
  const endpoint = config.get(telemetryOtlpEndpoint);
  if (endpoint === "") return undefined;
  const named = Object.entries(config.get(telemetryOtlpHeaders));
  const headers = await Promise.all(
    named.map(async ([name, text]) => [
      name,
      (await resolveConfigValue(text, env))?.reveal() ?? "",
    ]),
  );
  const loaded = await import("./traces.ts");
  return loaded.openTraces({
    endpoint,
    headers: Object.fromEntries(headers),
    propagates: config.get(telemetryPropagate),
    log,
  });
}
