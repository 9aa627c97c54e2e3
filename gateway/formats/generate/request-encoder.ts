// A canonical request → body for a Gemini upstream, with keys in a fixed order so that equal requests are equal
// bytes and hit the provider's prompt cache. The model is in the path, not here. Parameters this dialect lacks
// are refused when they change the answer, and named as a loss when they only steer it.

import type { ConversationRequest, JsonObject } from "#wire";
import type { Target } from "../format.ts";
import { checkWishes, pathOf, type Wish } from "../request-wishes.ts";
import { encodeContents } from "./contents-encoder.ts";
import { reduceSchema } from "./json-schema.ts";
import { encodeReasoning } from "./reasoning-encoder.ts";
import { encodeTools } from "./tool-encoder.ts";

/** Most stop sequences the API takes. */
export const MAX_STOP_SEQUENCES = 5;

/** Largest seed: the API's is a signed number of 32 bits. */
export const MAX_SEED = 2 ** 31 - 1;

/** Wishes that cannot be fulfilled although the answer would differ; each says when it is one. */
const REFUSED: readonly Wish[] = [
  ["candidates", ({ candidates }) => candidates !== undefined && candidates > 1],
  ["logprobs", ({ logprobs }) => logprobs === true],
  ["topLogprobs", ({ topLogprobs }) => (topLogprobs ?? 0) > 0],
  ["logitBias", ({ logitBias }) => Object.keys(logitBias ?? {}).length > 0],
  ["stop", ({ stop }) => (stop?.length ?? 0) > MAX_STOP_SEQUENCES],
  ["serviceTier", ({ serviceTier }) => !["auto", "default", undefined].includes(serviceTier)],
];

/** Wishes that only steer; without them the answer is still an answer to the question. */
const LOST: readonly Wish[] = [
  ["verbosity", ({ verbosity }) => verbosity !== undefined],
  ["metadata", ({ metadata }) => Object.keys(metadata ?? {}).length > 0],
  ["user", ({ user }) => user !== undefined],
  ["store", ({ store }) => store === true],
];

function checkParameters(request: ConversationRequest, { losses }: Target): void {
  checkWishes(request, losses, {
    refused: REFUSED,
    lost: LOST,
    why: "a Gemini upstream cannot do this",
  });
}

function encodeLimit(request: ConversationRequest, target: Target): JsonObject {
  const { maxOutputTokens } = request;
  const limit = target.maxOutputTokens;
  if (maxOutputTokens === undefined) return {};
  if (limit === undefined || maxOutputTokens <= limit) return { maxOutputTokens };
  target.losses.add(pathOf(request, "maxOutputTokens"), `limited to ${limit}, the model's maximum`);
  return { maxOutputTokens: limit };
}

function encodeSampling(request: ConversationRequest, target: Target): JsonObject {
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = request;
  const isSeed = seed !== undefined && Math.abs(seed) <= MAX_SEED;
  if (seed !== undefined && !isSeed) target.losses.add(pathOf(request, "seed"), "above 32 bits");
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(isSeed && { seed }),
    // Zero is what the API does anyway, and some models refuse the field.
    ...(presencePenalty && { presencePenalty }),
    ...(frequencyPenalty && { frequencyPenalty }),
  };
}

function encodeOutput(request: ConversationRequest, target: Target): JsonObject {
  const { output } = request;
  if (output === undefined || output.kind === "text") return {};
  const responseMimeType = "application/json";
  if (output.kind === "json_object") return { responseMimeType };
  const { schema, lost } = reduceSchema(output.schema);
  if (lost.size > 0) {
    target.losses.add(pathOf(request, "output"), `schema without ${[...lost].join(" ")}`);
  }
  return { responseMimeType, responseJsonSchema: schema };
}

function encodeConfig(request: ConversationRequest, target: Target): JsonObject {
  const { stop = [] } = request;
  const thinkingConfig = encodeReasoning(request, target);
  const config: JsonObject = {
    ...encodeLimit(request, target),
    ...encodeSampling(request, target),
    ...(stop.length > 0 && { stopSequences: [...stop] }),
    ...encodeOutput(request, target),
    ...(Object.keys(thinkingConfig).length > 0 && { thinkingConfig }),
  };
  return Object.keys(config).length > 0 ? { generationConfig: config } : {};
}

function encodeSystem(request: ConversationRequest): JsonObject {
  const parts = request.instructions.flatMap(({ text }) => (text === "" ? [] : [{ text }]));
  return parts.length > 0 ? { systemInstruction: { parts } } : {};
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
  return {
    ...encodeSystem(request),
    contents: encodeContents(request.turns, target),
    ...encodeTools(request, target),
    ...encodeConfig(request, target),
  };
}
