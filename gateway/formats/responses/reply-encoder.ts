// A canonical reply → Response object. Adjacent texts share one message item; reasoning state goes out only
// to callers that asked for it. Says the same as the stream encoder would for the same reply.

import type { JsonObject, Reply, ReplyPart } from "#wire";
import type { ReplyContext } from "../format.ts";
import { annotationsOf } from "./annotations.ts";
import { boundId } from "./carriers.ts";
import {
  callItem,
  callItemId,
  messageItem,
  outputText,
  reasoningItem,
  refusal,
} from "./item-writer.ts";
import { responseHead, settingsOf, statusOf } from "./response-object.ts";

/** True when the caller can store opaque reasoning; a replay without request may be anyone's. */
export function canCarry(context: ReplyContext): boolean {
  return context.request === null || context.request.wantsEncryptedReasoning === true;
}

/** Names a server tool block of another dialect, which nothing here can show. */
export function noteServerTool(type: string, context: ReplyContext): void {
  context.losses.add(`reply.${type}`, "a server tool of another dialect");
}

/** Reply → body for the caller. */
export function encodeReply(reply: Reply, context: ReplyContext): JsonObject {
  const hasRefusal = reply.parts.some((part) => part.kind === "refusal" && part.text !== "");
  const state = statusOf(reply.stop, hasRefusal);
  const output = outputOf(reply.parts, context);
  const last = output.at(-1);
  if (last && state.status !== "completed" && CAN_BE_CUT.has(String(last["type"]))) {
    last["status"] = "incomplete";
  }
  return {
    ...responseHead(context, state, reply.usage),
    output,
    ...settingsOf(context.request),
  };
}

/** Items that a limit can end in the middle. */
const CAN_BE_CUT = new Set(["message", "function_call", "custom_tool_call"]);

function outputOf(parts: readonly ReplyPart[], context: ReplyContext): JsonObject[] {
  const items: JsonObject[] = [];
  let content: JsonObject[] | undefined;
  for (const part of parts) {
    const written = contentOf(part, context);
    if (written && content) {
      content.push(written);
    } else if (written) {
      content = [written];
      items.push(messageItem(`msg_${context.newId()}`, "completed", content));
    } else {
      const item = itemOf(part, context);
      if (!item) continue;
      items.push(item);
      content = undefined;
    }
  }
  return items;
}

function contentOf(part: ReplyPart, { losses }: ReplyContext): JsonObject | undefined {
  if (part.kind === "text" && part.text !== "") {
    return outputText(part.text, annotationsOf(part.citations, part.text.length, losses));
  }
  return part.kind === "refusal" && part.text !== "" ? refusal(part.text) : undefined;
}

function itemOf(part: ReplyPart, context: ReplyContext): JsonObject | undefined {
  switch (part.kind) {
    case "thinking":
    case "redacted": {
      const carrier = canCarry(context) ? part.carrier : undefined;
      const text = part.kind === "thinking" ? part.text : "";
      const isRaw = part.kind === "thinking" && part.isRaw === true;
      if (text === "" && !carrier) return undefined;
      const id = boundId(carrier) ?? `rs_${context.newId()}`;
      return reasoningItem(id, { text, isRaw, carrier });
    }
    case "toolCall":
      return callItem(callItemId(part, context), "completed", part, part.arguments);
    case "serverTool":
      if (part.format === "responses") return part.raw;
      noteServerTool(part.type, context);
      return undefined;
    default:
      return undefined;
  }
}
