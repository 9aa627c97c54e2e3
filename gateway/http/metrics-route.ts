// `GET /metrics`: what the gateway counts about itself, for Prometheus. The numbers are of every key, so only the owner
// gets them: a count is knowledge too.

import type { Metrics } from "#platform";
import { GatewayError } from "../errors.ts";
import { OWNER } from "../pipeline/caller.ts";
import type { Call, Route } from "./route.ts";

/** What is shown. */
export interface MetricsRouteParts {
  readonly metrics: Metrics;
  /** The text where it is of several processes; else that of `metrics`. */
  readonly scrape?: () => Promise<string>;
}

/** The metrics. */
export function metricsRoute({ metrics, scrape = () => metrics.text() }: MetricsRouteParts): Route {
  const { contentType } = metrics;
  return { method: "GET", path: "/metrics", answer: (call) => show(call, scrape, contentType) };
}

async function show(
  { caller }: Call,
  scrape: () => Promise<string>,
  contentType: string,
): Promise<Response> {
  if (caller.id !== OWNER.id) {
    const message = "The metrics are of all keys; only the gateway's own token may read them.";
    throw new GatewayError({ kind: "forbidden", message, code: "forbidden" });
  }
  return new Response(await scrape(), { headers: { "content-type": contentType } });
}
