// Token counts of the Responses dialect, where input_tokens includes what came from the cache.
// Refuses to invent: a body without counts gives undefined, never zeros.

import { isJsonObject, type Json, type JsonObject, type Usage } from "#wire";
import { serviceTier } from "../service-tier.ts";
import { numberAt, objectAt } from "./fields.ts";

/** A `usage` object → disjoint counts; undefined when it holds none. */
export function readUsage(usage: Json | undefined): Usage | undefined {
  if (!isJsonObject(usage)) return undefined;
  const inclusive = numberAt(usage, "input_tokens");
  const output = numberAt(usage, "output_tokens");
  if (inclusive === undefined && output === undefined) return undefined;
  const inputDetails = objectAt(usage, "input_tokens_details") ?? {};
  const cacheRead = numberAt(inputDetails, "cached_tokens") ?? 0;
  const cacheWrite = numberAt(inputDetails, "cache_write_tokens") ?? 0;
  const total = inclusive ?? 0;
  const uncached = total - cacheRead - cacheWrite;
  const reasoning = numberAt(objectAt(usage, "output_tokens_details") ?? {}, "reasoning_tokens");
  return {
    // Negative means that the host counts the cache outside input_tokens (Azure-hosted Grok).
    input: uncached < 0 ? total : uncached,
    cacheRead,
    cacheWrite,
    output: output ?? 0,
    ...(reasoning !== undefined && { reasoning }),
  };
}

/** The usage of a whole response object, with the tier that served it; undefined when it holds none. */
export function usageOf(response: JsonObject): Usage | undefined {
  const usage = readUsage(response["usage"]);
  const tier = serviceTier(response["service_tier"]);
  return usage && tier !== undefined ? { ...usage, serviceTier: tier } : usage;
}

/** Disjoint counts → the `usage` object, every field the SDK types require present. */
export function writeUsage(usage: Usage): JsonObject {
  const input = usage.input + usage.cacheRead + usage.cacheWrite;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite,
    },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + usage.output,
  };
}

/** Usage in a reply body or in a stream event that carries a response; `before` when there is none. */
export function usageIn(value: JsonObject, before: Usage | undefined): Usage | undefined {
  const holder = objectAt(value, "response") ?? value;
  return usageOf(holder) ?? before;
}
