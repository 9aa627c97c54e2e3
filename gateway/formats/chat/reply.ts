// Whole replies of Chat Completions. Reading goes through the stream decoder, so that a reply means the
// same whether it was streamed or not. Refuses a body that holds no reply, an error in a 200 included.

import {
  isJsonObject,
  type Json,
  type JsonObject,
  type Reply,
  ReplyAssembler,
  type ReplyPart,
  type ToolCallPart,
} from "#wire";
import { UpstreamFailed } from "../../errors.ts";
import type { ReplyContext, UpstreamContext } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { encodeAnnotation } from "./citations.ts";
import { encodeFinishReason, PAUSE_FAILURE } from "./finish-reason.ts";
import { isLegacyCaller } from "./legacy-functions.ts";
import { encodeDetails } from "./reasoning-details.ts";
import { ChatStreamDecoder } from "./stream-decoder.ts";
import { encodeUsage } from "./usage.ts";

/** The upstream's answer; throws UpstreamFailed for anything else. */
export function decodeReply(body: Json, context: UpstreamContext): Reply {
  const assembler = new ReplyAssembler();
  const hasChoice = isJsonObject(body) && Array.isArray(body["choices"]) && body["choices"][0];
  if (isJsonObject(body)) {
    new ChatStreamDecoder((event) => assembler.push(event), context).whole(body);
  }
  if (assembler.failure) throw new UpstreamFailed(assembler.failure);
  if (!hasChoice || !assembler.reply) {
    const message = "the upstream's answer is not a chat completion";
    throw new UpstreamFailed({ kind: "bad_gateway", message });
  }
  return assembler.reply;
}

type TextualPart = Extract<ReplyPart, { kind: "text" | "refusal" | "thinking" }>;

/** All text of one kind; undefined when the reply has none. */
function textOf(parts: readonly ReplyPart[], kind: TextualPart["kind"]): string | undefined {
  const isWanted = (part: ReplyPart): part is TextualPart => part.kind === kind;
  const wanted = parts.filter(isWanted);
  return wanted.length > 0 ? wanted.map(({ text }) => text).join("") : undefined;
}

function annotationsOf(parts: readonly ReplyPart[], { losses }: ReplyContext): JsonObject[] {
  const annotations: JsonObject[] = [];
  let offset = 0;
  for (const part of parts) {
    if (part.kind !== "text") continue;
    const { length } = part.text;
    for (const citation of part.citations ?? []) {
      const annotation = encodeAnnotation(citation, { offset, length, losses });
      if (annotation) annotations.push(annotation);
    }
    offset += length;
  }
  return annotations;
}

function detailsOf(parts: readonly ReplyPart[]): JsonObject[] {
  const details: JsonObject[] = [];
  let index = 0;
  for (const part of parts) {
    if (part.kind !== "thinking" && part.kind !== "redacted") continue;
    if (!part.carrier) continue;
    details.push(...encodeDetails(part.carrier, part.kind === "thinking" ? part.text : "", index));
    index += 1;
  }
  return details;
}

/** One entry of `tool_calls`, as requests and whole replies spell it. */
export function encodeToolCall(part: ToolCallPart): JsonObject {
  const { name, arguments: text } = part;
  const id = legalToolId(part.id, "chat");
  if (part.isFreeform) return { id, type: "custom", custom: { name, input: text } };
  return { id, type: "function", function: { name, arguments: text === "" ? "{}" : text } };
}

function callFields(parts: readonly ReplyPart[], context: ReplyContext): JsonObject {
  const calls = parts.filter((part) => part.kind === "toolCall");
  const [first] = calls;
  if (!first) return {};
  if (!isLegacyCaller(context.request)) return { tool_calls: calls.map(encodeToolCall) };
  if (calls.length > 1) {
    context.losses.add("reply.tool_calls", "function_call holds one call only");
  }
  return { function_call: { name: first.name, arguments: first.arguments || "{}" } };
}

function encodeMessage(parts: readonly ReplyPart[], context: ReplyContext): JsonObject {
  for (const part of parts) {
    if (part.kind === "serverTool") {
      context.losses.add(`reply.${part.type}`, "Chat has no server tools");
    }
  }
  const refusal = textOf(parts, "refusal") ?? null;
  const calls = callFields(parts, context);
  const isBare = refusal === null && Object.keys(calls).length === 0;
  const reasoning = textOf(parts, "thinking");
  const details = detailsOf(parts);
  return {
    role: "assistant",
    content: textOf(parts, "text") ?? (isBare ? "" : null),
    refusal,
    annotations: annotationsOf(parts, context),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...calls,
  };
}

/** The reply as a chat.completion; throws UpstreamFailed for a paused turn, which Chat cannot say. */
export function encodeReply(reply: Reply, context: ReplyContext): JsonObject {
  const word = encodeFinishReason(reply.stop);
  if (word === undefined) throw new UpstreamFailed(PAUSE_FAILURE);
  if (reply.stopSequence !== undefined) {
    context.losses.add("reply.stop_sequence", "Chat does not name it");
  }
  const isLegacyCall = word === "tool_calls" && isLegacyCaller(context.request);
  return {
    id: `chatcmpl-${context.id}`,
    object: "chat.completion",
    created: context.createdSeconds,
    model: context.model,
    choices: [
      {
        index: 0,
        message: encodeMessage(reply.parts, context),
        logprobs: null,
        finish_reason: isLegacyCall ? "function_call" : word,
      },
    ],
    ...(reply.usage && { usage: encodeUsage(reply.usage) }),
  };
}
