// The canonical conversation → a Chat request body. Refuses what Chat cannot answer (several replies,
// log probabilities), names what it drops, and sends no value the caller did not give.

import {
  type ConversationRequest,
  isJsonObject,
  type Json,
  type JsonObject,
  type OutputFormat,
} from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { RefusedField, Target } from "../format.ts";
import { fitToModel } from "../openai-models.ts";
import { encodeMessages } from "./message-encoder.ts";
import { encodeReasoning } from "./reasoning-control.ts";
import { encodeTools, isForced } from "./tool-encoder.ts";

/** Most `stop` sequences Chat Completions takes. */
export const MAX_STOP_SEQUENCES = 4;

function encodeOutput(output: OutputFormat, path: string, { quirks }: Target): JsonObject {
  if (output.kind === "text") return {};
  if (output.kind === "json_object") return { response_format: { type: "json_object" } };
  if (quirks.hasNoJsonSchema) {
    throw new UnsupportedParameter(path, "the upstream knows no JSON schema; ask for json_object");
  }
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

function encodeSampling(request: ConversationRequest, { quirks }: Target): JsonObject {
  const { temperature, topP, stop, seed, frequencyPenalty, presencePenalty, logitBias } = request;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(stop !== undefined && stop.length > 0 && { stop: [...stop] }),
    ...(seed !== undefined && { [quirks.seedField ?? "seed"]: seed }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(logitBias && { logit_bias: logitBias }),
  };
}

/** What leaving a field out does: nothing anyone notices, something that is named, or another answer. */
type Weight = "none" | "named" | "answer";

/** What a host may refuse to be told: the request's own name for it, and what it weighs. */
const REFUSABLE: Readonly<Record<RefusedField, readonly [name: string, weight: Weight]>> = {
  frequency_penalty: ["frequencyPenalty", "answer"],
  logit_bias: ["logitBias", "answer"],
  parallel_tool_calls: ["parallelToolCalls", "named"],
  presence_penalty: ["presencePenalty", "answer"],
  prompt_cache_key: ["promptCacheKey", "none"],
  seed: ["seed", "named"],
  service_tier: ["serviceTier", "named"],
  user: ["user", "named"],
  verbosity: ["verbosity", "named"],
};

/** A field that says what every host does unasked: no penalty, no bias, calls in parallel. */
function isDefault(field: RefusedField, value: Json): boolean {
  if (field === "parallel_tool_calls") return value === true;
  return value === 0 || (isJsonObject(value) && Object.keys(value).length === 0);
}

function withoutRefused(
  body: JsonObject,
  request: ConversationRequest,
  target: Target,
): JsonObject {
  for (const field of target.quirks.refusedFields ?? []) {
    const value = body[field];
    if (value === undefined) continue;
    delete body[field];
    const [name, weight] = REFUSABLE[field];
    if (weight === "none" || (field !== "seed" && isDefault(field, value))) continue;
    const path = request.paths[name] ?? field;
    if (weight === "answer") throw new UnsupportedParameter(path, "the upstream refuses it");
    target.losses.add(path, "the upstream refuses it");
  }
  return body;
}

/** How to think; not at all where the host would refuse the forced tool for it. */
function reasoningOf(request: ConversationRequest, { quirks, losses }: Target) {
  const { reasoning, toolChoice, tools, paths } = request;
  const mustNot = quirks.forcesToolsUnthinking && toolChoice && isForced(toolChoice);
  if (!mustNot || tools.length === 0) return reasoning;
  if (reasoning && !reasoning.isDisabled) {
    losses.add(paths["reasoning"] ?? "reasoning_effort", "not beside a forced tool");
  }
  return { isDisabled: true };
}

function streamOptions({ quirks }: Target): JsonObject {
  return {
    // Usage is always metered, whether the caller sees it or not.
    include_usage: true,
    ...(quirks.padsStreams && { include_obfuscation: false }),
  };
}

/** The body for the upstream; the same request always gives the same bytes. */
export function encodeRequest(asked: ConversationRequest, target: Target): JsonObject {
  // A host with words of its own for thinking has rules of its own, too.
  const request = target.quirks.thinkingField ? asked : fitToModel(asked, target);
  checkRefusals(request);
  noteLosses(request, target);
  const reasoning = reasoningOf(request, target);
  const { output, verbosity, serviceTier: tier, user, promptCacheKey, paths } = request;
  const body: JsonObject = {
    model: target.model,
    messages: encodeMessages(request, target),
    ...encodeTools(request, target),
    ...encodeLimit(request, target),
    ...encodeSampling(request, target),
    ...(reasoning && encodeReasoning(reasoning, paths["reasoning"] ?? "reasoning_effort", target)),
    ...(output && encodeOutput(output, paths["output"] ?? "response_format", target)),
    ...(verbosity !== undefined && { verbosity }),
    ...(tier !== undefined && { service_tier: TIERS[tier] ?? tier }),
    ...(user !== undefined && { user }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: promptCacheKey }),
    ...(request.isStream && { stream: true, stream_options: streamOptions(target) }),
  };
  return withoutRefused(body, request, target);
}
