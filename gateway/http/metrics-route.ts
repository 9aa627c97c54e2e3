// `GET /metrics`: what the gateway counts about itself, for Prometheus. The numbers are of every key, so only the owner
// gets them: a count is knowledge too.

import type { Metrics } from "#platform";
import { GatewayError } from "../errors.ts";
import { OWNER } from "../pipeline/caller.ts";
import type { Call, Route } from "./route.ts";

/** The metrics. */
export function metricsRoute(metrics: Metrics): Route {
  return { method: "GET", path: "/metrics", answer: (call) => show(call, metrics) };
}

async function show({ caller }: Call, metrics: Metrics): Promise<Response> {
  if (caller.id !== OWNER.id) {
    const message = "The metrics are of all keys; only the gateway's own token may read them.";
    throw new GatewayError({ kind: "forbidden", message, code: "forbidden" });
  }
  return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
}
