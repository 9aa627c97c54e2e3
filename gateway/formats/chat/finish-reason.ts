// Why a Chat reply ended, both ways. Refuses to read an unknown word as
// success: it is no reason, and the caller of this file turns it into an error.

import type { Failure, StopReason } from "#wire";

const STOP_BY_WORD: Readonly<Record<string, StopReason>> = {
  stop: "end",
  eos: "end", // Together's older models
  end_turn: "end",
  stop_sequence: "end",
  tool_calls: "tool_use",
  function_call: "tool_use",
  length: "max_tokens",
  max_tokens: "max_tokens",
  model_length: "context_window", // Mistral
  content_filter: "content_filter",
};

const WORD_BY_STOP = {
  end: "stop",
  stop_sequence: "stop",
  tool_use: "tool_calls",
  max_tokens: "length",
  context_window: "length",
  refusal: "content_filter",
  content_filter: "content_filter",
} as const satisfies Record<Exclude<StopReason, "pause">, string>;

/** What the parts of the reply say about its end. */
export interface ReplyShape {
  readonly hasCalls: boolean;
  readonly hasRefusal: boolean;
}

/**
 * The stop reason for a finish_reason; "" (Snowflake sends none) is decided by the parts alone.
 * Undefined for an unknown word. Truncation wins over calls, calls win over `stop`.
 */
export function decodeFinishReason(word: string, shape: ReplyShape): StopReason | undefined {
  const stop =
    word === "" ? "end" : Object.hasOwn(STOP_BY_WORD, word) ? STOP_BY_WORD[word] : undefined;
  if (stop === "end" || stop === "tool_use") {
    if (shape.hasCalls) return "tool_use";
    return shape.hasRefusal ? "refusal" : "end";
  }
  return stop === "content_filter" && shape.hasRefusal ? "refusal" : stop;
}

/** The finish_reason to write; undefined for `pause`, which Chat cannot say. */
export function encodeFinishReason(stop: StopReason): string | undefined {
  return stop === "pause" ? undefined : WORD_BY_STOP[stop];
}

/** Chat has no word for a provider that asks to be called again; saying `stop` would end the task. */
export const PAUSE_FAILURE: Failure = {
  kind: "bad_gateway",
  message: "the upstream paused its turn and was not resumed",
  code: "pause_turn",
};
