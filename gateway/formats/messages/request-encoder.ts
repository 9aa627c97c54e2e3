// A canonical request → body for a Messages upstream, with keys in a fixed order so that equal requests
// are equal bytes and hit the provider's prompt cache. Parameters this dialect lacks are refused when
// they change the answer, and named as a loss when they only steer it.

import type { ConversationRequest, JsonObject } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { checkWishes, pathOf, type Wish } from "../request-wishes.ts";
import { withCacheMarks } from "./cache-marks.ts";
import { modelAbilities } from "./claude-models.ts";
import { encodeReasoning } from "./reasoning-encoder.ts";
import { encodeTools } from "./tool-encoder.ts";
import { encodeTurns } from "./turns-encoder.ts";

/** `max_tokens` when neither the caller nor the model list says how much. */
export const DEFAULT_MAX_TOKENS = 4_096;

/** Lowest top_p the API takes while the model thinks. */
const MIN_THINKING_TOP_P = 0.95;

/** Wishes that this dialect cannot fulfil although the answer would differ; each says when it is one. */
const REFUSED: readonly Wish[] = [
  ["candidates", ({ candidates }) => candidates !== undefined && candidates > 1],
  ["logprobs", ({ logprobs }) => logprobs === true],
  ["topLogprobs", ({ topLogprobs }) => (topLogprobs ?? 0) > 0],
  ["logitBias", ({ logitBias }) => Object.keys(logitBias ?? {}).length > 0],
  ["frequencyPenalty", ({ frequencyPenalty }) => (frequencyPenalty ?? 0) !== 0],
  ["presencePenalty", ({ presencePenalty }) => (presencePenalty ?? 0) !== 0],
];

/** Wishes that only steer; without them the answer is still an answer to the question. */
const LOST: readonly Wish[] = [
  ["seed", ({ seed }) => seed !== undefined],
  ["verbosity", ({ verbosity }) => verbosity !== undefined],
  ["metadata", ({ metadata }) => Object.keys(metadata ?? {}).length > 0],
  ["store", ({ store }) => store === true],
];

function checkParameters(request: ConversationRequest, { losses }: Target): void {
  checkWishes(request, losses, {
    refused: REFUSED,
    lost: LOST,
    why: "a Messages upstream cannot do this",
  });
}

function maxTokensOf(request: ConversationRequest, target: Target): number {
  const { maxOutputTokens } = request;
  const limit = target.maxOutputTokens;
  const field = pathOf(request, "maxOutputTokens");
  if (maxOutputTokens === undefined) {
    // The clouds list no models, and the dialect wants a limit.
    const most = limit ?? modelAbilities(target.model).maxOutputTokens;
    if (most !== undefined) return most;
    target.losses.add(field, `limited to ${DEFAULT_MAX_TOKENS}, the model's maximum is unknown`);
    return DEFAULT_MAX_TOKENS;
  }
  if (limit === undefined || maxOutputTokens <= limit) return maxOutputTokens;
  target.losses.add(field, `limited to ${limit}, the model's maximum`);
  return limit;
}

function encodeSystem(request: ConversationRequest): JsonObject {
  const texts = request.instructions.map((part) => part.text).filter((text) => text.trim() !== "");
  if (texts.length <= 1) return texts[0] === undefined ? {} : { system: texts[0] };
  return { system: texts.map((text) => ({ type: "text", text })) };
}

function encodeSampling(
  request: ConversationRequest,
  target: Target,
  isThinking: boolean,
): JsonObject {
  const sampling: JsonObject = {};
  const { temperature, topP, topK } = request;
  const { refusesSampling, takesOneOfTemperatureAndTopP } = modelAbilities(target.model);
  const lose = (name: keyof ConversationRequest, reason: string) =>
    target.losses.add(pathOf(request, name), reason);

  if (temperature !== undefined) {
    if (refusesSampling) lose("temperature", "the model takes none");
    else if (isThinking && temperature !== 1) lose("temperature", "not with thinking");
    else {
      if (temperature > 1) lose("temperature", "limited to 1");
      sampling.temperature = Math.min(temperature, 1);
    }
  }
  if (topP !== undefined) {
    if (refusesSampling) lose("topP", "the model takes none");
    else if (isThinking && topP < MIN_THINKING_TOP_P) lose("topP", "not with thinking");
    else if (takesOneOfTemperatureAndTopP && sampling.temperature !== undefined) {
      lose("topP", "not together with temperature");
    } else sampling.top_p = topP;
  }
  if (topK !== undefined) {
    if (refusesSampling) lose("topK", "the model takes none");
    else if (isThinking) lose("topK", "not with thinking");
    else sampling.top_k = topK;
  }
  return sampling;
}

function encodeStopSequences(request: ConversationRequest): JsonObject {
  const { stop = [] } = request;
  if (stop.some((sequence) => sequence.trim() === "")) {
    throw new UnsupportedParameter(
      pathOf(request, "stop"),
      "a stop sequence must hold more than white space",
    );
  }
  return stop.length > 0 ? { stop_sequences: [...stop] } : {};
}

function encodeOutput(
  request: ConversationRequest,
  { model }: Target,
  effort: string | undefined,
): JsonObject {
  const { output } = request;
  if (output?.kind === "json_schema" && !modelAbilities(model).hasSchemas) {
    throw new UnsupportedParameter(pathOf(request, "output"), "the model knows no JSON schemas");
  }
  if (output?.kind === "json_object") {
    throw new UnsupportedParameter(
      pathOf(request, "output"),
      "a Messages upstream needs a JSON schema; use json_schema",
    );
  }
  const config: JsonObject = {
    ...(effort !== undefined && { effort }),
    ...(output?.kind === "json_schema" && {
      format: { type: "json_schema", schema: output.schema },
    }),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

function encodeServiceTier(request: ConversationRequest): JsonObject {
  switch (request.serviceTier) {
    case undefined:
      return {};
    case "auto":
      return { service_tier: "auto" };
    case "default":
      return { service_tier: "standard_only" };
    case "fast":
      return { speed: "fast" };
    default:
      throw new UnsupportedParameter(
        pathOf(request, "serviceTier"),
        `a Messages upstream has no ${JSON.stringify(request.serviceTier)} tier`,
      );
  }
}

/** This dialect answers a user; where there are only instructions, they are what the user says. */
function withUserTurn(request: ConversationRequest, { losses }: Target): ConversationRequest {
  const { instructions, turns } = request;
  if (turns.length > 0 || instructions.length === 0) return request;
  losses.add(pathOf(request, "instructions"), "sent as the user's message");
  return { ...request, instructions: [], turns: [{ role: "user", parts: instructions }] };
}

/** Canonical → body for the upstream. Throws UnsupportedParameter for what the dialect cannot say. */
export function encodeRequest(asked: ConversationRequest, target: Target): JsonObject {
  const request = withUserTurn(asked, target);
  checkParameters(request, target);
  const maxTokens = maxTokensOf(request, target);
  const messages = encodeTurns(request.turns, target);
  const { thinking, effort, isThinking } = encodeReasoning(request, target, {
    maxTokens,
    messages,
  });
  const body: JsonObject = {
    model: target.model,
    max_tokens: maxTokens,
    ...encodeSystem(request),
    messages,
    ...encodeTools(request, target),
    ...(thinking && { thinking }),
    ...encodeOutput(request, target, effort),
    ...encodeSampling(request, target, isThinking),
    ...encodeStopSequences(request),
    ...encodeServiceTier(request),
    ...(request.user !== undefined && { metadata: { user_id: request.user } }),
    ...(request.isStream && { stream: true }),
  };
  return target.quirks.cachesWhatIsMarked ? withCacheMarks(body) : body;
}
