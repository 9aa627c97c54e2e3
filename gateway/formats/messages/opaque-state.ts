// The slots of this dialect that hold what only their maker reads: thinking signatures, redacted data,
// citation indexes. Foreign state sits there as a carrier string; a carrier never goes to a provider.

import type { Carrier, JsonObject } from "#wire";
import { decodeCarrier, encodeCarrier, isCarrier, isJsonObject } from "#wire";

/**
 * Signature of thinking that came without state (Chat `reasoning_content`). The dialect requires a
 * signature, and a made-up one would be refused if the client replayed it to a real provider; as a
 * carrier it is recognised and removed. An empty reasoning_details array is what it stands for.
 */
export const UNSIGNED = encodeCarrier({ format: "chat", kind: "details", data: "[]" });

/** The string for a `signature` or `data` slot: native bytes for our own, a carrier for foreign state. */
export function encodeState(carrier: Carrier | undefined): string {
  if (carrier === undefined) return UNSIGNED;
  return carrier.format === "messages" ? carrier.data : encodeCarrier(carrier);
}

/** What a slot of a replayed request holds; undefined when it is empty, ours, or damaged. */
export function decodeState(text: string, kind: "signature" | "redacted"): Carrier | undefined {
  if (text === "" || text === UNSIGNED) return undefined;
  return isCarrier(text) ? decodeCarrier(text) : { format: "messages", kind, data: text };
}

/** The state an upstream of this dialect put into a slot; undefined when the slot is empty. */
export function upstreamState(
  data: unknown,
  kind: "signature" | "redacted",
  provider: string,
): Carrier | undefined {
  if (typeof data !== "string" || data === "") return undefined;
  return { format: "messages", kind, data, provider };
}

function holdsCarrier(value: unknown): boolean {
  return typeof value === "string" && isCarrier(value);
}

function isForeignBlock(block: unknown): boolean {
  if (!isJsonObject(block)) return false;
  if (block.type === "thinking") return holdsCarrier(block.signature);
  return block.type === "redacted_thinking" && holdsCarrier(block.data);
}

/** Removes citations that this gateway made up from a foreign reply. True when there was one. */
function dropForeignCitations(block: unknown): boolean {
  if (!isJsonObject(block) || !Array.isArray(block.citations)) return false;
  const kept = block.citations.filter(
    (citation) => !isJsonObject(citation) || !holdsCarrier(citation.encrypted_index),
  );
  if (kept.length === block.citations.length) return false;
  if (kept.length > 0) block.citations = kept;
  else delete block.citations;
  return true;
}

function dropFromMessage(message: JsonObject): boolean {
  if (!Array.isArray(message.content)) return false;
  const before = message.content;
  const kept = before.filter((block) => !isForeignBlock(block));
  let isChanged = kept.length < before.length;
  for (const block of kept) isChanged = dropForeignCitations(block) || isChanged;
  if (isChanged) message.content = kept;
  return isChanged;
}

/** True when the last assistant message calls a tool without having thought first. */
export function lacksThinkingBeforeCall(messages: readonly unknown[]): boolean {
  const last = messages.findLast(
    (message) => isJsonObject(message) && message.role === "assistant",
  );
  if (!isJsonObject(last) || !Array.isArray(last.content)) return false;
  const types = last.content.map((block) => (isJsonObject(block) ? block.type : undefined));
  return (
    types.includes("tool_use") &&
    !types.includes("thinking") &&
    !types.includes("redacted_thinking")
  );
}

/**
 * Removes foreign state from a Messages request in place. True when any was there. Where that leaves
 * a tool call without its thinking, manual thinking is turned off: the provider would answer 400
 * "Expected thinking or redacted_thinking".
 */
export function dropCarriers(body: JsonObject): boolean {
  if (!Array.isArray(body.messages)) return false;
  let isChanged = false;
  for (const message of body.messages) {
    if (isJsonObject(message)) isChanged = dropFromMessage(message) || isChanged;
  }
  if (!isChanged) return false;
  const messages = body.messages.filter(
    (message) =>
      !isJsonObject(message) || !Array.isArray(message.content) || message.content.length > 0,
  );
  body.messages = messages;
  const isManual = isJsonObject(body.thinking) && body.thinking.type === "enabled";
  if (isManual && lacksThinkingBeforeCall(messages)) body.thinking = { type: "disabled" };
  return true;
}
