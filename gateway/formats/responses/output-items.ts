// Output items of an upstream's answer → canonical parts. Streams end in the same functions, so that a
// streamed and a whole answer agree. An item type we do not know is a server tool, never a tool call.

import type { Carrier, JsonObject, ReplyPart, ToolCallPart } from "#wire";
import type { UpstreamContext } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { citationOf } from "./annotations.ts";
import { nativeCarrier } from "./carriers.ts";
import { objectsAt, stringAt } from "./fields.ts";

/** Where an item stands, for what it does not say itself. */
export interface ItemPlace {
  /** Id of the response, to derive a stable call id from when the host gives none. */
  readonly responseId: string;
  readonly index: number;
}

/** The state a finished reasoning item hands over; undefined when it has none. */
export function carrierOf(item: JsonObject, provider: string): Carrier | undefined {
  const data = stringAt(item, "encrypted_content");
  return data ? nativeCarrier(data, stringAt(item, "id"), provider) : undefined;
}

/** Texts of a reasoning item: `raw` is the chain itself, `summary` what is shown instead. */
export function reasoningTexts(item: JsonObject): { raw: string[]; summary: string[] } {
  const texts = (key: string) => objectsAt(item, key).map((part) => stringAt(part, "text") ?? "");
  return { raw: texts("content"), summary: texts("summary") };
}

/** Between two summaries of one reasoning item. */
export const REASONING_SEPARATOR = "\n\n";

/** The id a result must name: the host's call id, its item id, or one derived from the place. */
export function callIdOf(item: JsonObject, { responseId, index }: ItemPlace): string {
  const given = stringAt(item, "call_id") || stringAt(item, "id");
  // The space makes the id illegal on purpose, so that the shared rule derives a legal one from it.
  return given || legalToolId(`${responseId} ${index}`, "responses");
}

/** Names a part of the dialect that no other dialect has. */
export function notePhase(item: JsonObject, { losses }: UpstreamContext): void {
  if (stringAt(item, "phase")) losses.add("reply.phase", "only Responses messages have a phase");
}

/** Every canonical part an output item stands for; empty texts stand for nothing. */
export function partsOf(item: JsonObject, place: ItemPlace, context: UpstreamContext): ReplyPart[] {
  switch (item["type"]) {
    case "message":
      notePhase(item, context);
      return objectsAt(item, "content").flatMap((part) => messagePart(part, context));
    case "reasoning":
      return reasoningParts(item, context.provider);
    case "function_call":
    case "custom_tool_call":
      return [callPart(item, place)];
    default:
      return [
        {
          kind: "serverTool",
          format: "responses",
          type: stringAt(item, "type") ?? "unknown",
          raw: item,
        },
      ];
  }
}

function messagePart(part: JsonObject, { losses }: UpstreamContext): ReplyPart[] {
  const text = stringAt(part, "text");
  const refusal = stringAt(part, "refusal");
  if (part["type"] === "refusal") return refusal ? [{ kind: "refusal", text: refusal }] : [];
  if (part["type"] !== "output_text") {
    losses.add(`reply.${stringAt(part, "type") ?? "content"}`, "no place in other dialects");
    return [];
  }
  if (!text) return [];
  const citations = objectsAt(part, "annotations").map(citationOf);
  return [{ kind: "text", text, ...(citations.length > 0 && { citations }) }];
}

function reasoningParts(item: JsonObject, provider: string): ReplyPart[] {
  const carrier = carrierOf(item, provider);
  const { raw, summary } = reasoningTexts(item);
  const rawText = raw.filter(Boolean).join(REASONING_SEPARATOR);
  const summaryText = summary.filter(Boolean).join(REASONING_SEPARATOR);
  const parts: ReplyPart[] = [];
  if (rawText) {
    parts.push({
      kind: "thinking",
      text: rawText,
      isRaw: true,
      ...(carrier && !summaryText && { carrier }),
    });
  }
  if (summaryText) {
    parts.push({ kind: "thinking", text: summaryText, ...(carrier && { carrier }) });
  }
  if (parts.length === 0 && carrier) parts.push({ kind: "redacted", carrier });
  return parts;
}

function callPart(item: JsonObject, place: ItemPlace): ToolCallPart {
  const isFreeform = item["type"] === "custom_tool_call";
  const namespace = stringAt(item, "namespace");
  const given = stringAt(item, isFreeform ? "input" : "arguments") ?? "";
  return {
    kind: "toolCall",
    id: callIdOf(item, place),
    name: stringAt(item, "name") ?? "",
    ...(namespace !== undefined && { namespace }),
    arguments: given === "" && !isFreeform ? "{}" : given,
    ...(isFreeform && { isFreeform: true }),
  };
}
