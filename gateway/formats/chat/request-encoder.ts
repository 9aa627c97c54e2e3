// The canonical conversation → a Chat request body. Refuses what Chat cannot answer (several replies,
// log probabilities), names what it drops, and sends no value the caller did not give.

import type { ConversationRequest, JsonObject, OutputFormat, Reasoning } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { encodeMessages } from "./message-encoder.ts";
import { encodeTools } from "./tool-encoder.ts";

/** Most `stop` sequences Chat Completions takes. */
export const MAX_STOP_SEQUENCES = 4;

/** Largest thinking budget, in tokens, that still counts as each effort. */
const EFFORT_BY_BUDGET = [
  [2_048, "low"],
  [8_192, "medium"],
] as const;

function encodeReasoning(
  { effort, budgetTokens, isDisabled }: Reasoning,
  path: string,
  target: Target,
) {
  if (effort !== undefined) return { reasoning_effort: effort };
  if (isDisabled) {
    // Models without reasoning refuse the field, and of the others only some know "none".
    target.losses.add(path, "the model decides whether to think");
    return {};
  }
  if (budgetTokens === undefined) return {};
  target.losses.add(path, "thinking budget became an effort level");
  const level = EFFORT_BY_BUDGET.find(([budget]) => budgetTokens <= budget)?.[1] ?? "high";
  return { reasoning_effort: level };
}

function encodeOutput(output: OutputFormat): JsonObject {
  if (output.kind === "text") return {};
  if (output.kind === "json_object") return { response_format: { type: "json_object" } };
  const { name = "response", description, schema, strict } = output;
  return {
    response_format: {
      type: "json_schema",
      json_schema: {
        name,
        ...(description !== undefined && { description }),
        schema,
        ...(strict !== undefined && { strict }),
      },
    },
  };
}

function checkRefusals(request: ConversationRequest): void {
  const at = (name: string, field: string): string => request.paths[name] ?? field;
  if (request.candidates !== undefined && request.candidates > 1) {
    throw new UnsupportedParameter(at("candidates", "n"), "only one reply can cross dialects");
  }
  if (request.logprobs === true || (request.topLogprobs ?? 0) > 0) {
    const path = request.logprobs ? at("logprobs", "logprobs") : at("topLogprobs", "top_logprobs");
    throw new UnsupportedParameter(path, "log probabilities cannot cross dialects");
  }
  if (request.stop && request.stop.length > MAX_STOP_SEQUENCES) {
    const reason = `Chat Completions takes ${MAX_STOP_SEQUENCES} stop sequences`;
    throw new UnsupportedParameter(at("stop", "stop"), `${reason}, not ${request.stop.length}`);
  }
}

function noteLosses(request: ConversationRequest, { losses }: Target): void {
  if (request.topK !== undefined) losses.add(request.paths["topK"] ?? "top_k", "not in Chat");
  if (request.metadata) losses.add(request.paths["metadata"] ?? "metadata", "kept by no one");
  if (request.store) losses.add(request.paths["store"] ?? "store", "replies are not stored");
}

/** The caller's limit, lowered to the model's own: agents ask for more than most models have. */
function encodeLimit(request: ConversationRequest, { quirks, maxOutputTokens, losses }: Target) {
  const asked = request.maxOutputTokens;
  if (asked === undefined) return {};
  const limit = Math.min(asked, maxOutputTokens ?? asked);
  if (limit < asked) {
    losses.add(request.paths["maxOutputTokens"] ?? "max_tokens", `lowered to ${limit}`);
  }
  return quirks.hasLegacyMaxTokens ? { max_tokens: limit } : { max_completion_tokens: limit };
}

const TIERS: Readonly<Record<string, string>> = { standard_only: "default", standard: "default" };

function encodeSampling(request: ConversationRequest): JsonObject {
  const { temperature, topP, stop, seed, frequencyPenalty, presencePenalty, logitBias } = request;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(stop !== undefined && stop.length > 0 && { stop: [...stop] }),
    ...(seed !== undefined && { seed }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(logitBias && { logit_bias: logitBias }),
  };
}

/** The body for the upstream; the same request always gives the same bytes. */
export function encodeRequest(request: ConversationRequest, target: Target): JsonObject {
  checkRefusals(request);
  noteLosses(request, target);
  const { reasoning, output, verbosity, serviceTier: tier, user, promptCacheKey, paths } = request;
  return {
    model: target.model,
    messages: encodeMessages(request, target),
    ...encodeTools(request, target),
    ...encodeLimit(request, target),
    ...encodeSampling(request),
    ...(reasoning && encodeReasoning(reasoning, paths["reasoning"] ?? "reasoning_effort", target)),
    ...(output && encodeOutput(output)),
    ...(verbosity !== undefined && { verbosity }),
    ...(tier !== undefined && { service_tier: TIERS[tier] ?? tier }),
    ...(user !== undefined && { user }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: promptCacheKey }),
    // Usage is always metered, whether the caller sees it or not.
    ...(request.isStream && { stream: true, stream_options: { include_usage: true } }),
  };
}
