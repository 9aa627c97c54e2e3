// Output items as a caller of this dialect gets them, in whole answers and at the end of streamed ones.
// Each carries every field its type requires; ids are ours unless state is bound to the provider's own.

import type { Carrier, JsonObject, ToolCallPart } from "#wire";
import type { ReplyContext } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { slotOf } from "./carriers.ts";

/** Statuses an item can have. */
export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** One text of a message. */
export function outputText(text: string, annotations: JsonObject[]): JsonObject {
  return { type: "output_text", annotations, logprobs: [], text };
}

/** One refusal of a message. */
export function refusal(text: string): JsonObject {
  return { type: "refusal", refusal: text };
}

/** An assistant message. */
export function messageItem(id: string, status: ItemStatus, content: JsonObject[]): JsonObject {
  return { id, type: "message", status, role: "assistant", content };
}

/** A reasoning item: a summary, or the raw chain, or neither when only the state survives. */
export function reasoningItem(
  id: string,
  { text, isRaw, carrier }: { text: string; isRaw: boolean; carrier?: Carrier | undefined },
): JsonObject {
  return {
    id,
    type: "reasoning",
    summary: text === "" || isRaw ? [] : [{ type: "summary_text", text }],
    ...(isRaw && text !== "" && { content: [{ type: "reasoning_text", text }] }),
    ...(carrier && { encrypted_content: slotOf(carrier, id) }),
  };
}

/** What identifies a call. */
export type CallHead = Pick<ToolCallPart, "id" | "name" | "namespace" | "isFreeform">;

/** A fresh item id for a call; results refer to the call id instead. */
export function callItemId({ isFreeform }: CallHead, { newId }: ReplyContext): string {
  return `${isFreeform ? "ctc" : "fc"}_${newId()}`;
}

/** A function call, or a custom tool call when the tool is freeform. */
export function callItem(
  id: string,
  status: ItemStatus,
  call: CallHead,
  argumentText: string,
): JsonObject {
  return {
    id,
    type: call.isFreeform ? "custom_tool_call" : "function_call",
    status,
    ...(call.isFreeform ? { input: argumentText } : { arguments: argumentText }),
    call_id: legalToolId(call.id, "responses"),
    name: call.name,
    ...(call.namespace !== undefined && { namespace: call.namespace }),
  };
}
