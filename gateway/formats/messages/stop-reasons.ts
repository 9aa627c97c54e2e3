// Why a Messages reply ended, both ways. Refuses to guess: an unknown word is no stop reason.

import type { Json, JsonObject, StopReason } from "#wire";
import { isJsonObject } from "#wire";

const CANONICAL: ReadonlyMap<string, StopReason> = new Map([
  ["end_turn", "end"],
  ["stop_sequence", "stop_sequence"],
  ["tool_use", "tool_use"],
  ["max_tokens", "max_tokens"],
  ["model_context_window_exceeded", "context_window"],
  ["refusal", "refusal"],
  ["pause_turn", "pause"],
  ["compaction", "pause"],
]);

const DIALECT = {
  end: "end_turn",
  stop_sequence: "stop_sequence",
  tool_use: "tool_use",
  max_tokens: "max_tokens",
  context_window: "model_context_window_exceeded",
  refusal: "refusal",
  content_filter: "refusal",
  pause: "pause_turn",
} as const satisfies Record<StopReason, string>;

/**
 * The canonical reason; undefined for a word this dialect does not have. Compatible hosts leave the
 * reason out or say `end_turn` although they call a tool: a call in the reply decides then.
 */
export function decodeStop(reason: Json | undefined, hasCalls: boolean): StopReason | undefined {
  if (reason === undefined || reason === null || reason === "end_turn") {
    return hasCalls ? "tool_use" : "end";
  }
  return typeof reason === "string" ? CANONICAL.get(reason) : undefined;
}

/** The user-facing explanation of a refusal in `stop_details`, when there is one. */
export function refusalText(stopDetails: Json | undefined): string | undefined {
  const text = isJsonObject(stopDetails) ? stopDetails.explanation : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** `stop_reason`, `stop_sequence` and `stop_details` of a message or message_delta. */
export function encodeStop(
  stop: StopReason,
  { stopSequence, hasRefusal }: { stopSequence?: string | undefined; hasRefusal: boolean },
): JsonObject {
  const reason = hasRefusal && stop === "end" ? "refusal" : DIALECT[stop];
  return {
    stop_reason: reason,
    stop_sequence: reason === "stop_sequence" ? (stopSequence ?? null) : null,
    stop_details:
      reason === "refusal" ? { type: "refusal", category: null, explanation: null } : null,
  };
}
