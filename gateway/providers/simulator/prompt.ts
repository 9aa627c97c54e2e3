// What the simulator reads of a request: the last thing said, how tools were answered, which tools are offered.
// Lenient on purpose: a client under test with odd fields still gets its answer.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import { readTools, type OfferedTool } from "./offered-tools.ts";

/** The little of a request that scenarios depend on. */
export interface Prompt {
  /** Text of the last message of the user. */
  readonly text: string;
  /** The tools offered that a client runs itself. */
  readonly tools: readonly OfferedTool[];
  /** True when the conversation ends in tool results. */
  readonly hasResults: boolean;
  /** The text of every tool result in the conversation, in order. */
  readonly results: readonly string[];
  readonly isStream: boolean;
  /** Chat `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  readonly bodyChars: number;
}

/** Reads a body of any of the three dialects. */
export function readPrompt(body: JsonObject, bodyChars: number): Prompt {
  const items = listOf(body["messages"] ?? body["input"]);
  const users = items.filter((item) => item["role"] === "user" && textOf(item["content"]) !== "");
  const last = items.at(-1);
  const options = body["stream_options"];
  return {
    text: typeof body["input"] === "string" ? body["input"] : textOf(users.at(-1)?.["content"]),
    tools: readTools(body),
    hasResults: last !== undefined && resultsIn(last).length > 0,
    results: items.flatMap(resultsIn),
    isStream: body["stream"] === true,
    includeUsage: isJsonObject(options) && options["include_usage"] === true,
    bodyChars,
  };
}

/** The id of a tool result in a Responses body that answers no call there; undefined when there is none. */
export function findOrphanResult({ input }: JsonObject): string | undefined {
  const called = new Set<string>();
  for (const { type, call_id: id } of listOf(input)) {
    if (typeof type !== "string" || typeof id !== "string") continue;
    if (type.endsWith("_call")) called.add(id);
    else if (type.endsWith("_call_output") && !called.has(id)) return id;
  }
  return undefined;
}

function listOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => part["text"])
    .filter((text) => typeof text === "string")
    .join("\n");
}

function resultsIn(item: JsonObject): string[] {
  if (item["role"] === "tool") return [textOf(item["content"])];
  const type = item["type"];
  if (type === "function_call_output" || type === "custom_tool_call_output") {
    return [textOf(item["output"])];
  }
  return listOf(item["content"])
    .filter((part) => part["type"] === "tool_result")
    .map((part) => textOf(part["content"]));
}
