// Where Anthropic is asked to cache: it caches nothing unasked, other vendors everything, so that callers of their
// dialects have no word for it. Marked are the ends of what an agent sends again with each turn: its tools, its
// instructions, and its history so far. Requests without tools are mostly asked once; writing a cache costs more than
// it saves there, and they get no marks.

import { isJsonObject, type Json, type JsonObject } from "#wire";

const MARK = { cache_control: { type: "ephemeral" } } as const;
/** Blocks that the API lets be marked. */
const MARKABLE: readonly Json[] = ["text", "image", "document", "tool_result", "tool_use"];

function markLast(list: Json | undefined): Json | undefined {
  if (!Array.isArray(list)) return undefined;
  const last = list.at(-1);
  if (!isJsonObject(last)) return undefined;
  return [...list.slice(0, -1), { ...last, ...MARK }];
}

function markSystem(system: Json | undefined): Json | undefined {
  return typeof system === "string" ? [{ type: "text", text: system, ...MARK }] : markLast(system);
}

function markHistory(messages: Json | undefined): Json | undefined {
  if (!Array.isArray(messages)) return undefined;
  const at = messages.findLastIndex((message) => isJsonObject(message) && message.role === "user");
  const message = messages[at];
  if (!isJsonObject(message) || !Array.isArray(message.content)) return undefined;
  const last = message.content.at(-1);
  const isMarkable = isJsonObject(last) && last.type !== undefined && MARKABLE.includes(last.type);
  const content = isMarkable ? markLast(message.content) : undefined;
  return content && messages.with(at, { ...message, content });
}

/** The body with at most three of the four marks that a request may hold; as it is where it has no tools. */
export function withCacheMarks(body: JsonObject): JsonObject {
  const tools = markLast(body.tools);
  if (!tools) return body;
  const system = markSystem(body.system);
  const messages = markHistory(body.messages);
  return { ...body, ...(system && { system }), ...(messages && { messages }), tools };
}
