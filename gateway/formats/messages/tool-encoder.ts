// Canonical tools and tool choice → Messages. Refuses tools this dialect has no form for, and a choice
// of a tool that is not in the list.

import type { ConversationRequest, JsonObject, Tool } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { toolName } from "./tool-decoder.ts";

function encodeTool(tool: Tool): JsonObject {
  const path = tool.path ?? "tools";
  if (tool.kind === "hosted") {
    if (tool.format === "messages") return tool.raw;
    throw new UnsupportedParameter(path, `the upstream has no ${tool.type} tool`, {
      code: "unsupported_tool",
    });
  }
  if (tool.kind === "freeform" || tool.namespace !== undefined) {
    throw new UnsupportedParameter(path, "this dialect has no freeform tools and no namespaces", {
      code: "unsupported_tool",
    });
  }
  return {
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    // The API insists on the type, which other dialects let callers leave out.
    input_schema: tool.schema.type === undefined ? { type: "object", ...tool.schema } : tool.schema,
    ...(tool.strict === true && { strict: true }),
  };
}

function choiceOf(request: ConversationRequest): JsonObject | undefined {
  const { toolChoice, tools } = request;
  const param = request.paths.toolChoice ?? "tool_choice";
  switch (toolChoice?.mode) {
    case undefined:
      return undefined;
    case "auto":
    case "none":
      return { type: toolChoice.mode };
    case "required":
      return { type: "any" };
    case "tool": {
      if (tools.some((tool) => toolName(tool) === toolChoice.name)) {
        return { type: "tool", name: toolChoice.name };
      }
      const name = JSON.stringify(toolChoice.name);
      throw new InvalidRequest(`${param}: no tool is named ${name}`, { param });
    }
    case "allowed":
      return { type: toolChoice.isRequired ? "any" : "auto" };
  }
}

function allowedTools(request: ConversationRequest, target: Target): readonly Tool[] {
  const { toolChoice, tools } = request;
  if (toolChoice?.mode !== "allowed") return tools;
  const param = request.paths.toolChoice ?? "tool_choice";
  const allowed = tools.filter((tool) => toolChoice.names.includes(toolName(tool) ?? ""));
  if (allowed.length < tools.length) target.losses.add(param, "other tools left out");
  if (allowed.length > 0) return allowed;
  throw new InvalidRequest(`${param}: none of the allowed tools is in the list`, { param });
}

/** `tools` and `tool_choice`; nothing at all when the request has no tools. */
export function encodeTools(request: ConversationRequest, target: Target): JsonObject {
  if (request.tools.length === 0) return {};
  const choice = choiceOf(request);
  const isSerial = request.parallelToolCalls === false && choice?.type !== "none";
  return {
    tools: allowedTools(request, target).map(encodeTool),
    ...((choice || isSerial) && {
      tool_choice: {
        ...(choice ?? { type: "auto" }),
        ...(isSerial && { disable_parallel_tool_use: true }),
      },
    }),
  };
}
