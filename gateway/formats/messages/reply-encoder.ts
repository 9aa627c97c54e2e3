// A canonical reply → a whole Messages answer, with every field the vendor's types require.
// Refuses to show what this dialect has no block for: such a part is named as a loss.

import type { JsonObject, Reply, ReplyPart, ToolCallPart } from "#wire";
import type { ReplyContext } from "../format.ts";
import type { Losses } from "../losses.ts";
import { legalToolId } from "../tool-id.ts";
import { encodeCitation } from "./citations.ts";
import { encodeState } from "./opaque-state.ts";
import { encodeStop } from "./stop-reasons.ts";
import { toolInput } from "./tool-input.ts";
import { encodeUsage } from "./usage.ts";

/** The name a caller sees for a call in a namespace. */
export function flatName(call: { readonly name: string; readonly namespace?: string }): string {
  return call.namespace === undefined ? call.name : `${call.namespace}__${call.name}`;
}

function inputOf(call: ToolCallPart, losses: Losses): JsonObject {
  if (call.isFreeform) return { input: call.arguments };
  const { input, isWrapped } = toolInput(call.arguments);
  if (isWrapped) losses.add(`reply.${call.name}`, "arguments are no JSON object, wrapped");
  return input;
}

function encodePart(part: ReplyPart, losses: Losses): JsonObject | undefined {
  switch (part.kind) {
    case "text": {
      const citations = (part.citations ?? [])
        .map(encodeCitation)
        .filter((one) => one !== undefined);
      if (part.text === "" && citations.length === 0) return undefined;
      return { type: "text", text: part.text, citations: citations.length > 0 ? citations : null };
    }
    case "refusal":
      return part.text === "" ? undefined : { type: "text", text: part.text, citations: null };
    case "thinking":
      if (part.text === "" && part.carrier === undefined) return undefined;
      return { type: "thinking", thinking: part.text, signature: encodeState(part.carrier) };
    case "redacted":
      return { type: "redacted_thinking", data: encodeState(part.carrier) };
    case "toolCall":
      return {
        type: "tool_use",
        id: legalToolId(part.id, "messages"),
        name: flatName(part),
        input: inputOf(part, losses),
        caller: { type: "direct" },
      };
    case "serverTool":
      if (part.format === "messages") return part.raw;
      losses.add(`reply.${part.type}`, "a provider-run tool of another format");
      return undefined;
  }
}

/** The message object with everything but content, stop and usage; shared with `message_start`. */
export function encodeEnvelope({ id, model }: ReplyContext): JsonObject {
  return {
    id: `msg_${id}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    container: null,
    diagnostics: null,
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
  };
}

/** Canonical → body for the caller. */
export function encodeReply(reply: Reply, context: ReplyContext): JsonObject {
  const hasRefusal = reply.parts.some((part) => part.kind === "refusal");
  return {
    ...encodeEnvelope(context),
    content: reply.parts
      .map((part) => encodePart(part, context.losses))
      .filter((block) => block !== undefined),
    ...encodeStop(reply.stop, { stopSequence: reply.stopSequence, hasRefusal }),
    usage: encodeUsage(reply.usage),
  };
}
