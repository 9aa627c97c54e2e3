// Why a Gemini reply ended. Refuses to take a failure of the model, or a word it does not know, for an answer.

import type { Failure, Json, StopReason } from "#wire";

const STOPS: ReadonlyMap<string, StopReason> = new Map<string, StopReason>([
  ["STOP", "end"],
  ["MAX_TOKENS", "max_tokens"],
  ["CONTINUATION", "pause"],
  ["SAFETY", "content_filter"],
  ["RECITATION", "content_filter"],
  ["LANGUAGE", "content_filter"],
  ["BLOCKLIST", "content_filter"],
  ["PROHIBITED_CONTENT", "content_filter"],
  ["SPII", "content_filter"],
  ["MODEL_ARMOR", "content_filter"],
  ["IMAGE_SAFETY", "content_filter"],
  ["IMAGE_PROHIBITED_CONTENT", "content_filter"],
  ["IMAGE_RECITATION", "content_filter"],
]);

/** Vertex hosts that are asked for numbers in place of words count so. */
const BY_NUMBER: readonly string[] = [
  "FINISH_REASON_UNSPECIFIED",
  "STOP",
  "MAX_TOKENS",
  "SAFETY",
  "RECITATION",
  "OTHER",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "MALFORMED_FUNCTION_CALL",
];

/** The word of a `finishReason`; undefined when it is none. */
export function finishWord(reason: Json | undefined): string | undefined {
  if (typeof reason === "number") return BY_NUMBER[reason] ?? String(reason);
  return typeof reason === "string" && reason !== "" ? reason : undefined;
}

/** The canonical reason, or what went wrong (MALFORMED_FUNCTION_CALL, OTHER and kin: worth another try). */
export function decodeFinish(
  word: string,
  { hasCalls, message }: { hasCalls: boolean; message: string },
): StopReason | Failure {
  const stop = STOPS.get(word);
  if (stop === "end" && hasCalls) return "tool_use";
  if (stop !== undefined) return stop;
  return {
    kind: "bad_gateway",
    message: `the model failed to answer (${word})${message === "" ? "" : `: ${message}`}`,
    code: word.toLowerCase(),
  };
}
