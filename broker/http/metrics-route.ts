// `GET /metrics`: what the broker counts about itself, for Prometheus. The numbers are of the whole broker, so only
// those who may know of every provider get them: a count is knowledge too.

import type { Metrics } from "#platform";
import { Refusal } from "./refusal.ts";
import type { Call, Route } from "./route.ts";

/** The metrics. */
export function metricsRoute({ metrics }: { readonly metrics: Metrics }): Route {
  return {
    method: "GET",
    path: "/metrics",
    permission: "usage",
    action: "usage.read",
    handle: (call) => answerMetrics(call, metrics),
  };
}

async function answerMetrics(call: Call, metrics: Metrics): Promise<Response> {
  if (!call.caller.scope.isAll) throw notForScoped();
  await call.record("metrics");
  const text = await metrics.text();
  return new Response(text, { headers: { "content-type": metrics.contentType } });
}

function notForScoped(): Refusal {
  const message = "metrics are of all providers, and this token sees some of them only";
  return new Refusal(403, message, { code: "forbidden" });
}
