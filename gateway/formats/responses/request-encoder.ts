// Canonical conversation → body for a Responses upstream. Nothing is stored there (`store:false`), no default
// is ever sent, and the same request gives the same bytes. What the dialect cannot say is refused when it
// changes the answer and named as a loss when it does not.

import { createHash } from "node:crypto";
import type { ConversationRequest, JsonObject, OutputFormat } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { fitToModel } from "../openai-models.ts";
import { encodeInput, isOwnState } from "./input-encoder.ts";
import { encodeToolFields } from "./tool-encoder.ts";

/** Smallest `max_output_tokens` the vendor takes. */
export const MIN_OUTPUT_TOKENS = 16;

/** Longest `safety_identifier` and `prompt_cache_key` the vendor takes; a longer one becomes its hash. */
export const MAX_IDENTIFIER_CHARS = 64;

/** Most pairs, and longest key and value, of `metadata`. */
export const MAX_METADATA = { pairs: 16, keyChars: 64, valueChars: 512 } as const;

/** Request → upstream body; throws UnsupportedParameter for what the dialect cannot say. */
export function encodeRequest(asked: ConversationRequest, target: Target): JsonObject {
  const request = fitToModel(asked, target);
  refuseInexpressible(request);
  noteInexpressible(request, target);
  return {
    model: target.model,
    ...encodeInput(request, target),
    ...encodeToolFields(request),
    ...outputLimit(request, target),
    ...(request.temperature !== undefined && { temperature: request.temperature }),
    ...(request.topP !== undefined && { top_p: request.topP }),
    ...reasoningFields(request, target),
    ...textFields(request),
    ...callerFields(request, target),
    ...(request.isStream && streamFields(target)),
    store: false,
    ...(needsState(request, target) && { include: ["reasoning.encrypted_content"] }),
  };
}

// The padding hides lengths from who watches the network; it ends here, and costs more than the text it pads.
function streamFields({ quirks }: Target): JsonObject {
  return {
    stream: true,
    ...(quirks.padsStreams && { stream_options: { include_obfuscation: false } }),
  };
}

function refuseInexpressible(request: ConversationRequest): void {
  const refuse = (name: string, fallback: string): never => {
    throw new UnsupportedParameter(
      request.paths[name] ?? fallback,
      "Responses upstreams do not have it",
    );
  };
  if (request.stop?.length) refuse("stop", "stop");
  if (request.candidates !== undefined && request.candidates > 1) refuse("candidates", "n");
  if (request.logprobs) refuse("logprobs", "logprobs");
  if (request.topLogprobs) refuse("topLogprobs", "top_logprobs");
  if (request.frequencyPenalty) refuse("frequencyPenalty", "frequency_penalty");
  if (request.presencePenalty) refuse("presencePenalty", "presence_penalty");
  if (Object.keys(request.logitBias ?? {}).length > 0) refuse("logitBias", "logit_bias");
}

function noteInexpressible(request: ConversationRequest, { losses }: Target): void {
  const note = (name: "topK" | "seed", fallback: string) => {
    if (request[name] === undefined) return;
    losses.add(request.paths[name] ?? fallback, "Responses upstreams do not have it");
  };
  note("topK", "top_k");
  note("seed", "seed");
}

function outputLimit(request: ConversationRequest, target: Target): JsonObject {
  const { maxOutputTokens: wanted } = request;
  if (wanted === undefined) return {};
  const path = request.paths["maxOutputTokens"] ?? "max_output_tokens";
  const most = target.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const given = Math.max(MIN_OUTPUT_TOKENS, Math.min(wanted, most));
  if (given > wanted) target.losses.add(path, `raised to the minimum of ${given}`);
  if (given < wanted) target.losses.add(path, `lowered to the model's limit of ${given}`);
  return { max_output_tokens: given };
}

/** Effort for a thinking budget of at most this many tokens (the project's table). */
const EFFORT_BY_BUDGET = [
  { budgetTokens: 4_096, effort: "low" },
  { budgetTokens: 10_000, effort: "medium" },
  { budgetTokens: Number.POSITIVE_INFINITY, effort: "high" },
] as const;

function reasoningFields(request: ConversationRequest, { losses }: Target): JsonObject {
  const { reasoning } = request;
  if (!reasoning) return {};
  const { budgetTokens, wantsSummary, isDisabled } = reasoning;
  const path = request.paths["reasoning"] ?? "reasoning";
  let { effort } = reasoning;
  if (effort === undefined && isDisabled) {
    // Models without reasoning refuse the field, and of the others only some know "none".
    losses.add(path, "the model decides whether to think");
    return {};
  }
  if (effort === undefined && budgetTokens !== undefined) {
    effort = EFFORT_BY_BUDGET.find((row) => budgetTokens <= row.budgetTokens)?.effort;
    losses.add(path, "the thinking budget became an effort");
  }
  const fields = { ...(effort && { effort }), ...(wantsSummary && { summary: "auto" }) };
  return Object.keys(fields).length === 0 ? {} : { reasoning: fields };
}

/** State is asked for when there will be some; models without reasoning refuse the wish. */
function needsState(request: ConversationRequest, target: Target): boolean {
  const { reasoning } = request;
  if (reasoning) return !reasoning.isDisabled;
  if (request.wantsEncryptedReasoning) return true;
  return request.turns.some((turn) =>
    turn.parts.some((part) => "carrier" in part && isOwnState(part.carrier, target)),
  );
}

function textFields(request: ConversationRequest): JsonObject {
  const { output, verbosity } = request;
  const format = output && output.kind !== "text" ? encodeFormat(output) : undefined;
  if (!format && !verbosity) return {};
  return { text: { ...(format && { format }), ...(verbosity && { verbosity }) } };
}

function encodeFormat(output: Exclude<OutputFormat, { kind: "text" }>): JsonObject {
  if (output.kind === "json_object") return { type: "json_object" };
  return {
    type: "json_schema",
    name: output.name ?? "response",
    ...(output.description !== undefined && { description: output.description }),
    schema: output.schema,
    ...(output.strict !== undefined && { strict: output.strict }),
  };
}

const SERVICE_TIERS = new Map<string, string>([
  ["auto", "auto"],
  ["default", "default"],
  ["standard_only", "default"],
  ["flex", "flex"],
  ["scale", "scale"],
  ["priority", "priority"],
  ["fast", "fast"],
  ["ultrafast", "ultrafast"],
]);

function callerFields(request: ConversationRequest, target: Target): JsonObject {
  const { user, promptCacheKey, serviceTier } = request;
  const tier = serviceTier === undefined ? undefined : SERVICE_TIERS.get(serviceTier);
  if (serviceTier !== undefined && tier === undefined) {
    throw new UnsupportedParameter(
      request.paths["serviceTier"] ?? "service_tier",
      `Responses upstreams have no tier ${JSON.stringify(serviceTier)}`,
    );
  }
  if (user !== undefined && identifier(user) !== user) {
    target.losses.add(request.paths["user"] ?? "user", "too long for the vendor, sent as its hash");
  }
  return {
    ...(tier !== undefined && { service_tier: tier }),
    ...(user !== undefined && { safety_identifier: identifier(user) }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: identifier(promptCacheKey) }),
    ...metadataFields(request, target),
  };
}

function identifier(text: string): string {
  if (text.length <= MAX_IDENTIFIER_CHARS) return text;
  return createHash("sha256").update(text).digest("hex");
}

function metadataFields(request: ConversationRequest, { losses }: Target): JsonObject {
  const kept: JsonObject = {};
  const path = request.paths["metadata"] ?? "metadata";
  for (const [key, value] of Object.entries(request.metadata ?? {})) {
    const fits =
      typeof value === "string" &&
      key.length <= MAX_METADATA.keyChars &&
      value.length <= MAX_METADATA.valueChars &&
      Object.keys(kept).length < MAX_METADATA.pairs;
    if (fits) kept[key] = value;
    else losses.add(`${path}.${key}`, "more than Responses metadata holds");
  }
  return Object.keys(kept).length === 0 ? {} : { metadata: kept };
}
