// `messages` → instructions and turns. Leading system and developer messages are instructions, later
// ones keep their place; tool messages become results in user turns. Refuses unknown roles.

import {
  type Json,
  type JsonObject,
  isJsonObject,
  type Part,
  type TextPart,
  type ToolCallPart,
  type ToolResultPart,
  type Turn,
} from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Losses } from "../losses.ts";
import { AnyObject, noteUnknownFields, parseAt } from "./body-parser.ts";
import { decodeContent } from "./content-decoder.ts";
import { LegacyCallIds } from "./legacy-functions.ts";
import { decodeDetails } from "./reasoning-details.ts";

/** The two places messages go. */
export interface DecodedMessages {
  readonly instructions: readonly TextPart[];
  readonly turns: readonly Turn[];
}

interface Cursor {
  readonly instructions: TextPart[];
  readonly turns: Turn[];
  /** Results of the run of tool messages that is being read. */
  results: ToolResultPart[];
  readonly legacy: LegacyCallIds;
  readonly losses: Losses;
}

interface Place {
  readonly index: number;
  readonly path: string;
}

const Speaker = z.object({ name: z.string().nullish() });

function isText(part: Part): part is TextPart {
  return part.kind === "text";
}

function decodeSystem(message: JsonObject, { path }: Place, cursor: Cursor): void {
  const { losses, instructions, turns } = cursor;
  const at = `${path}.content`;
  const parts = decodeContent(message["content"], { types: ["text"], path: at, losses });
  const texts = parts.filter(isText);
  const { name } = parseAt(Speaker, message, path);
  if (turns.length === 0) instructions.push(...texts);
  else turns.push({ role: "system", parts: texts, ...(name && { name }), path });
}

function decodeUser(message: JsonObject, { path }: Place, { turns, losses }: Cursor): void {
  const parts = decodeContent(message["content"], {
    types: ["text", "image_url", "input_audio", "file"],
    path: `${path}.content`,
    losses,
  });
  const { name } = parseAt(Speaker, message, path);
  turns.push({ role: "user", parts, ...(name && { name }), path });
}

const Reasoning = z.object({
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  reasoning_details: z.array(AnyObject).nullish(),
});

function decodeReasoning(message: JsonObject, path: string, losses: Losses): Part[] {
  const fields = parseAt(Reasoning, message, path);
  const details = fields.reasoning_details ?? [];
  const parts: Part[] = decodeDetails(details, `${path}.reasoning_details`, losses);
  const text = fields.reasoning_content || fields.reasoning || "";
  if (text === "" || parts.some((part) => part.kind === "thinking" && part.text !== "")) {
    return parts;
  }
  const key = fields.reasoning_content ? "reasoning_content" : "reasoning";
  const thinking = { kind: "thinking", text, isRaw: true, path: `${path}.${key}` } as const;
  const [only] = parts;
  const isBound =
    parts.length === 1 && only?.kind === "redacted" && only.carrier.kind === "details";
  return isBound ? [{ ...thinking, carrier: only.carrier }] : [thinking, ...parts];
}

const Call = z.object({
  id: z.string().min(1),
  type: z.string().nullish(),
  function: z.object({ name: z.string().min(1), arguments: z.string().nullish() }).nullish(),
  custom: z.object({ name: z.string().min(1), input: z.string() }).nullish(),
});

function decodeCall(call: Json, path: string): ToolCallPart {
  const { id, type, function: named, custom } = parseAt(Call, call, path);
  if (type === "custom" && custom) {
    const { name, input } = custom;
    return { kind: "toolCall", id, name, arguments: input, isFreeform: true, path };
  }
  if (type !== undefined && type !== null && type !== "function") {
    const param = `${path}.type`;
    throw new InvalidRequest(`${param}: expected function or custom`, { param });
  }
  if (!named) {
    const param = `${path}.function`;
    throw new InvalidRequest(`${param}: required`, { param });
  }
  return { kind: "toolCall", id, name: named.name, arguments: named.arguments || "{}", path };
}

const Assistant = z.object({
  name: z.string().nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(AnyObject).nullish(),
  function_call: z.object({ name: z.string(), arguments: z.string() }).nullish(),
});

function decodeAssistant(message: JsonObject, { index, path }: Place, cursor: Cursor): void {
  const { turns, losses, legacy } = cursor;
  if (isJsonObject(message["audio"])) {
    throw new UnsupportedParameter(`${path}.audio`, "audio replies belong to one provider");
  }
  const fields = parseAt(Assistant, message, path);
  const parts = decodeReasoning(message, path, losses);
  const content = decodeContent(message["content"], {
    types: ["text", "refusal", "thinking"],
    path: `${path}.content`,
    losses,
  });
  parts.push(...content.filter((part) => part.kind !== "text" || part.text !== ""));
  if (fields.refusal) {
    parts.push({ kind: "refusal", text: fields.refusal, path: `${path}.refusal` });
  }
  for (const [position, call] of (fields.tool_calls ?? []).entries()) {
    parts.push(decodeCall(call, `${path}.tool_calls[${position}]`));
  }
  if (fields.function_call) {
    const { name, arguments: text } = fields.function_call;
    const id = legacy.call(name, index);
    const at = `${path}.function_call`;
    parts.push({ kind: "toolCall", id, name, arguments: text || "{}", path: at });
  }
  // A message that says nothing must not keep two user turns apart.
  if (parts.length === 0) return;
  turns.push({ role: "assistant", parts, ...(fields.name && { name: fields.name }), path });
}

function pushResult(id: string, message: JsonObject, path: string, cursor: Cursor): void {
  const content = decodeContent(message["content"], {
    types: ["text", "image_url", "file"],
    path: `${path}.content`,
    losses: cursor.losses,
  });
  const parts = content.filter(
    (part) => part.kind === "text" || part.kind === "image" || part.kind === "document",
  );
  const result: ToolResultPart = { kind: "toolResult", id, parts, path };
  if (cursor.results.length > 0) {
    cursor.results.push(result);
    return;
  }
  cursor.results = [result];
  cursor.turns.push({ role: "user", parts: cursor.results, path });
}

const ToolMessage = z.object({ tool_call_id: z.string().min(1) });

function decodeTool(message: JsonObject, { path }: Place, cursor: Cursor): void {
  const { tool_call_id: id } = parseAt(ToolMessage, message, path);
  pushResult(id, message, path, cursor);
}

function decodeFunction(message: JsonObject, { path }: Place, cursor: Cursor): void {
  const { name } = parseAt(z.object({ name: z.string().min(1) }), message, path);
  const id = cursor.legacy.answer(name);
  if (id === undefined) {
    const param = `${path}.name`;
    throw new InvalidRequest(`${param}: no unanswered function_call has this name`, { param });
  }
  pushResult(id, message, path, cursor);
}

interface Role {
  readonly fields: readonly string[];
  readonly decode: (message: JsonObject, place: Place, cursor: Cursor) => void;
}

const SYSTEM: Role = { fields: ["content", "name"], decode: decodeSystem };

const ROLES: ReadonlyMap<string, Role> = new Map([
  ["system", SYSTEM],
  ["developer", SYSTEM],
  ["user", { fields: ["content", "name"], decode: decodeUser }],
  [
    "assistant",
    {
      fields: [
        "content",
        "name",
        "refusal",
        "tool_calls",
        "function_call",
        "audio",
        "annotations",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
      ],
      decode: decodeAssistant,
    },
  ],
  ["tool", { fields: ["content", "name", "tool_call_id"], decode: decodeTool }],
  ["function", { fields: ["content", "name"], decode: decodeFunction }],
]);

/** All messages, in order; throws InvalidRequest naming the message. */
export function decodeMessages(messages: readonly JsonObject[], losses: Losses): DecodedMessages {
  const legacy = new LegacyCallIds();
  const cursor: Cursor = { instructions: [], turns: [], results: [], legacy, losses };
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    const name = message["role"];
    const role = typeof name === "string" ? ROLES.get(name) : undefined;
    if (!role) {
      const param = `${path}.role`;
      const message = `${param}: expected one of ${[...ROLES.keys()].join(", ")}`;
      throw new InvalidRequest(message, { param, code: "unknown_role" });
    }
    if (name !== "tool" && name !== "function") cursor.results = [];
    const known = new Set(["role", "cache_control", ...role.fields]);
    noteUnknownFields(message, { known, path, losses });
    role.decode(message, { index, path }, cursor);
  }
  return { instructions: cursor.instructions, turns: cursor.turns };
}
