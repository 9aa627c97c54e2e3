// The Response object around an answer: every field its readers require, the caller's settings echoed.
// Clients of the Open Responses contract refuse an object that lacks any of these keys.

import type { ConversationRequest, Failure, Json, JsonObject, StopReason, Usage } from "#wire";
import type { ReplyContext } from "../format.ts";
import { errorObject } from "./errors.ts";
import { writeUsage } from "./usage.ts";

/** What a Response says of a setting the caller left alone. */
const DEFAULT_SETTINGS: Readonly<Record<string, Json>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: "default",
  // Nothing is kept, so nothing can be fetched later, whatever the caller asked for.
  store: false,
  background: false,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  truncation: "disabled",
};

/** The settings part of every Response to this request. */
export function settingsOf(request: ConversationRequest | null): JsonObject {
  return { ...DEFAULT_SETTINGS, ...request?.echo };
}

/** How far a response is: `reason` belongs to incomplete, `failure` to failed. */
export type ResponseStatus =
  | { readonly status: "in_progress" | "completed" }
  | { readonly status: "incomplete"; readonly reason: "max_output_tokens" | "content_filter" }
  | { readonly status: "failed"; readonly failure: Failure };

/** Told when a provider paused and nobody continued the turn; a pause must not look complete. */
const PAUSED: Failure = {
  kind: "internal",
  message: "the provider paused the turn before it was complete",
};

/** The status a stop reason means; a refusal without a refusal part is a cut, not a completion. */
export function statusOf(stop: StopReason, hasRefusal: boolean): ResponseStatus {
  switch (stop) {
    case "max_tokens":
    case "context_window":
      return { status: "incomplete", reason: "max_output_tokens" };
    case "content_filter":
      return { status: "incomplete", reason: "content_filter" };
    case "refusal":
      return hasRefusal
        ? { status: "completed" }
        : { status: "incomplete", reason: "content_filter" };
    case "pause":
      return { status: "failed", failure: PAUSED };
    default:
      return { status: "completed" };
  }
}

/** A Response without `output` and settings, which the caller adds (a stream as ready-made text). */
export function responseHead(
  context: ReplyContext,
  state: ResponseStatus,
  usage: Usage | undefined,
): JsonObject {
  return {
    id: `resp_${context.id}`,
    object: "response",
    created_at: context.createdSeconds,
    completed_at: state.status === "completed" ? (context.nowSeconds?.() ?? null) : null,
    status: state.status,
    error: state.status === "failed" ? responseError(state.failure) : null,
    incomplete_details: state.status === "incomplete" ? { reason: state.reason } : null,
    model: context.model,
    access_programs: null,
    usage: usage ? writeUsage(usage) : null,
  };
}

function responseError(failure: Failure): JsonObject {
  const { code, message } = errorObject(failure);
  return { code: code ?? "server_error", message };
}
