// Token counts of Chat Completions, read from every host's spelling and written in OpenAI's.
// Refuses to invent figures: a body without usage yields none.

import { isJsonObject, type Json, type JsonObject, type Usage } from "#wire";
import { serviceTier } from "../service-tier.ts";

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function member(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}

/** The usage object of a reply or chunk: at the top, in Groq's envelope, or on Kimi's choice. */
function usageObject(body: JsonObject): JsonObject | undefined {
  if (isJsonObject(body["usage"])) return body["usage"];
  const groq = member(body["x_groq"], "usage");
  if (isJsonObject(groq)) return groq;
  const choice = Array.isArray(body["choices"]) ? body["choices"][0] : undefined;
  const moonshot = member(choice, "usage");
  return isJsonObject(moonshot) ? moonshot : undefined;
}

/** Disjoint counts from an OpenAI-shaped usage object. */
export function decodeUsage(usage: JsonObject): Usage {
  const details = usage["prompt_tokens_details"];
  const prompt = count(usage["prompt_tokens"]) ?? 0;
  const completion = count(usage["completion_tokens"]) ?? 0;
  const reasoning = count(member(usage["completion_tokens_details"], "reasoning_tokens")) ?? 0;
  const cacheRead =
    count(member(details, "cached_tokens")) ??
    count(usage["cached_tokens"]) ??
    count(usage["prompt_cache_hit_tokens"]) ??
    count(usage["num_cached_tokens"]) ??
    0;
  const cacheWrite =
    count(member(details, "cache_write_tokens")) ??
    count(usage["cache_creation_input_tokens"]) ??
    0;
  const uncached = prompt - cacheRead - cacheWrite;
  // xAI counts reasoning beside completion_tokens; only its total tells.
  const isReasoningExtra =
    reasoning > 0 && count(usage["total_tokens"]) === prompt + completion + reasoning;
  const output = isReasoningExtra ? completion + reasoning : completion;
  return {
    // Azure-hosted Grok reports a prompt without its cached part, which shows as a negative rest.
    input: uncached < 0 ? prompt : uncached,
    cacheRead,
    cacheWrite,
    output,
    ...(reasoning > 0 && { reasoning: Math.min(reasoning, output) }),
  };
}

/** Usage of a reply body or stream chunk, its service tier beside it; the latest report wins over `before`. */
export function readUsage(body: JsonObject, before: Usage | undefined): Usage | undefined {
  const usage = usageObject(body);
  if (!usage) return before;
  const tier = serviceTier(body["service_tier"]);
  return { ...decodeUsage(usage), ...(tier !== undefined && { serviceTier: tier }) };
}

/** OpenAI's usage object: inclusive prompt, cached part named. */
export function encodeUsage(usage: Usage): JsonObject {
  const prompt = usage.input + usage.cacheRead + usage.cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning ?? 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
