// `GET /v1/usage`: what the caller's own key has used and what is left of its budgets. A key never sees another's.

import { GatewayError } from "../errors.ts";
import { KeyRules } from "../keys/key-rules.ts";
import type { ReadKeyUsage } from "../keys/key-usage.ts";
import type { Call, Route } from "./route.ts";

/** What the sums are read from. */
export interface UsageRouteParts {
  readonly readUsage: ReadKeyUsage;
  readonly nowMs: () => number;
}

const UNLIMITED = KeyRules.parse({});
const DAY_MS = 24 * 3_600_000;
/** How far back the sums go, in days, unless `?days=` says otherwise. */
export const DEFAULT_DAYS = 30;
/** Furthest that `?days=` may ask for. */
export const MAX_DAYS = 3_650;

/** The sums and the budgets of one key. */
export function usageRoute(parts: UsageRouteParts): Route {
  return { method: "GET", path: "/v1/usage", answer: (call) => show(call, parts) };
}

async function show(
  { caller, request }: Call,
  { readUsage, nowMs }: UsageRouteParts,
): Promise<Response> {
  const days = daysOf(request);
  const { sums, budgets } = await readUsage(caller, nowMs() - days * DAY_MS);
  return Response.json({
    object: "usage",
    key: { id: caller.id, name: caller.name },
    days,
    models: sums.map(({ group, ...sum }) => ({ model: group, ...sum })),
    budgets,
    limits: limitsOf(caller.rules ?? UNLIMITED),
  });
}

function limitsOf(rules: KeyRules) {
  const { requestsPerMinute, tokensPerMinute, requestsPerDay, concurrentStreams } = rules;
  return { requestsPerMinute, tokensPerMinute, requestsPerDay, concurrentStreams };
}

function daysOf({ url }: Request): number {
  const text = new URL(url).searchParams.get("days") ?? String(DEFAULT_DAYS);
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= MAX_DAYS) return days;
  const message = `days: expected a whole number from 1 to ${MAX_DAYS}`;
  throw new GatewayError({ kind: "bad_request", message, code: "invalid_value", param: "days" });
}
