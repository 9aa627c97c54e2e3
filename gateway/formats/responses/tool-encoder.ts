// Canonical tools → `tools` and `tool_choice` of a Responses upstream. `strict` is always written, because
// this dialect would otherwise turn it on for callers whose own dialect leaves it off.

import type { ConversationRequest, JsonObject, Tool, ToolChoice } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";

/** The tool fields of a body; empty when there are no tools, because the vendor refuses a choice then. */
export function encodeToolFields(request: ConversationRequest): JsonObject {
  const { tools, toolChoice, parallelToolCalls } = request;
  if (tools.length === 0) return {};
  return {
    tools: encodeTools(tools),
    ...(toolChoice && { tool_choice: encodeChoice(toolChoice, tools) }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
  };
}

/** Tools in order; those of one namespace are gathered where its first one stands. */
function encodeTools(tools: readonly Tool[]): JsonObject[] {
  const encoded: JsonObject[] = [];
  const namespaces = new Map<string, JsonObject[]>();
  for (const [index, tool] of tools.entries()) {
    const written = encodeTool(tool, tool.path ?? `tools[${index}]`);
    const namespace = tool.kind === "hosted" ? undefined : tool.namespace;
    const members = namespace === undefined ? undefined : namespaces.get(namespace);
    if (namespace === undefined) encoded.push(written);
    else if (members) members.push(written);
    else {
      const first = [written];
      namespaces.set(namespace, first);
      encoded.push({ type: "namespace", name: namespace, description: "", tools: first });
    }
  }
  return encoded;
}

function encodeTool(tool: Tool, path: string): JsonObject {
  switch (tool.kind) {
    case "function":
      return {
        type: "function",
        name: tool.name,
        ...(tool.description !== undefined && { description: tool.description }),
        parameters: tool.schema,
        strict: tool.strict ?? false,
      };
    case "freeform":
      return {
        type: "custom",
        name: tool.name,
        ...(tool.description !== undefined && { description: tool.description }),
        ...(tool.grammar && { format: { type: "grammar", ...tool.grammar } }),
      };
    case "hosted":
      if (tool.format === "responses") return tool.raw;
      throw new UnsupportedParameter(path, `the chosen upstream has no ${tool.type} tool`, {
        code: "unsupported_tool",
      });
  }
}

function encodeChoice(choice: ToolChoice, tools: readonly Tool[]): string | JsonObject {
  const named = (name: string): JsonObject => {
    const isFreeform = tools.some((tool) => tool.kind === "freeform" && tool.name === name);
    return { type: isFreeform ? "custom" : "function", name };
  };
  switch (choice.mode) {
    case "tool":
      return named(choice.name);
    case "allowed":
      return {
        type: "allowed_tools",
        mode: choice.isRequired ? "required" : "auto",
        tools: choice.names.map(named),
      };
    default:
      return choice.mode;
  }
}
