// Token counts of the Messages dialect. Input excludes cache reads and writes here, as in the canonical
// form. Refuses to add message_start to message_delta: both are cumulative, the later one wins per field.

import type { Json, JsonObject, Usage } from "#wire";
import { isJsonObject } from "#wire";
import { serviceTier } from "../service-tier.ts";

type Counts = { -readonly [K in Exclude<keyof Usage, "isEstimated" | "serviceTier">]?: number };

// Where it is served costs extra too, unless it is anywhere.
const ANYWHERE = new Set(["global", "not_available"]);

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function countsOf(usage: JsonObject): Counts {
  const creation = isJsonObject(usage.cache_creation) ? usage.cache_creation : {};
  const details = isJsonObject(usage.output_tokens_details) ? usage.output_tokens_details : {};
  const counts: Record<string, number | undefined> = {
    input: count(usage.input_tokens),
    cacheRead: count(usage.cache_read_input_tokens),
    cacheWrite: count(usage.cache_creation_input_tokens),
    cacheWrite1h: count(creation.ephemeral_1h_input_tokens),
    output: count(usage.output_tokens),
    reasoning: count(details.thinking_tokens),
  };
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined));
}

/** Adds up server-side passes; the top-level fields leave out compaction, advisor and fallback passes. */
function countsOfIterations(iterations: Json | undefined): Counts {
  const sum: Counts = {};
  if (!Array.isArray(iterations)) return sum;
  for (const iteration of iterations) {
    if (!isJsonObject(iteration)) continue;
    const { reasoning: _inTotals, ...counts } = countsOf(iteration);
    for (const [key, value] of Object.entries(counts)) {
      const name = key as keyof typeof counts;
      sum[name] = (sum[name] ?? 0) + value;
    }
  }
  return sum;
}

/** Tier, speed and place of service as one name, each only where it is not the usual one. */
function tierOf({ service_tier, speed, inference_geo: geo }: JsonObject): string | undefined {
  const place =
    typeof geo === "string" && !ANYWHERE.has(geo) ? serviceTier(`geo_${geo}`) : undefined;
  const names = [serviceTier(service_tier), serviceTier(speed), place];
  return names.filter((name) => name !== undefined).join("+") || undefined;
}

/** Merges a dialect `usage` object over what was seen before; `before` when it holds no figure. */
export function mergeUsage(usage: Json | undefined, before: Usage | undefined): Usage | undefined {
  if (!isJsonObject(usage)) return before;
  const counts = { ...countsOf(usage), ...countsOfIterations(usage.iterations) };
  if (Object.keys(counts).length === 0) return before;
  const tier = tierOf(usage);
  return {
    input: 0,
    cacheRead: 0,
    cacheWrite: 0,
    output: 0,
    ...before,
    ...counts,
    ...(tier !== undefined && { serviceTier: tier }),
  };
}

/** Usage in a whole reply, a `message_start` or a `message_delta` event, merged over `before`. */
export function readUsage(value: JsonObject, before: Usage | undefined): Usage | undefined {
  const holder = isJsonObject(value.message) ? value.message : value;
  return mergeUsage(holder.usage, before);
}

/** The `usage` of `message_delta`: the four counts are never null; zero when nobody reported any. */
export function encodeDeltaUsage(usage: Usage | undefined): JsonObject {
  return {
    input_tokens: usage?.input ?? 0,
    cache_creation_input_tokens: usage?.cacheWrite ?? 0,
    cache_read_input_tokens: usage?.cacheRead ?? 0,
    output_tokens: usage?.output ?? 0,
    output_tokens_details:
      usage?.reasoning === undefined ? null : { thinking_tokens: usage.reasoning },
    server_tool_use: null,
  };
}

/** The `usage` of a whole message and of `message_start`. */
export function encodeUsage(usage: Usage | undefined): JsonObject {
  const longLived = usage?.cacheWrite1h;
  const served = usage?.serviceTier?.split("+") ?? [];
  return {
    ...encodeDeltaUsage(usage),
    cache_creation:
      usage === undefined || longLived === undefined
        ? null
        : {
            ephemeral_5m_input_tokens: Math.max(0, usage.cacheWrite - longLived),
            ephemeral_1h_input_tokens: longLived,
          },
    inference_geo: null,
    service_tier: served.find((name) => name === "priority" || name === "batch") ?? null,
    speed: served.includes("fast") ? "fast" : null,
  };
}
