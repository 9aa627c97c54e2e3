// Canonical tools and tool choice → Gemini. Refuses tools this dialect has no form for, and a choice of a tool
// that is not in the list.

import type { ConversationRequest, JsonObject, Tool, ToolChoice } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { reduceSchema } from "./json-schema.ts";

function nameOf(tool: Tool): string {
  return tool.kind === "hosted" ? tool.type : tool.name;
}

/** The reduced schema; undefined for a function without parameters, which the API wants left out. */
function parametersOf(schema: JsonObject, path: string, target: Target): JsonObject | undefined {
  const { schema: reduced, lost } = reduceSchema({ type: "object", ...schema });
  if (lost.size > 0) target.losses.add(`${path}.parameters`, `without ${[...lost].join(" ")}`);
  const { type, properties = {}, ...rest } = reduced;
  const isEmpty = type === "object" && Object.keys(properties ?? {}).length === 0;
  const saysMore = Object.keys(rest).some((key) => key !== "title" && key !== "required");
  const isClosed = rest.additionalProperties === false && Object.keys(rest).length === 1;
  return isEmpty && (!saysMore || isClosed) ? undefined : reduced;
}

function encodeTool(tool: Tool, target: Target): JsonObject {
  const path = tool.path ?? "tools";
  if (tool.kind !== "function" || tool.namespace !== undefined) {
    throw new UnsupportedParameter(path, `the upstream has no ${tool.kind} tools`, {
      code: "unsupported_tool",
    });
  }
  if (tool.strict === true) target.losses.add(`${path}.strict`, "not in this dialect");
  const parameters = parametersOf(tool.schema, path, target);
  return {
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    ...(parameters && { parametersJsonSchema: parameters }),
  };
}

function calling(choice: ToolChoice): JsonObject | undefined {
  switch (choice.mode) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [choice.name] };
    case "allowed":
      // Names are taken in mode ANY only; elsewhere the list of tools is what is allowed.
      return choice.isRequired
        ? { mode: "ANY", allowedFunctionNames: [...choice.names] }
        : { mode: "AUTO" };
  }
}

function allowedTools(request: ConversationRequest, target: Target): readonly Tool[] {
  const { toolChoice, tools } = request;
  const param = request.paths.toolChoice ?? "tool_choice";
  const chosen =
    toolChoice?.mode === "tool"
      ? [toolChoice.name]
      : toolChoice?.mode === "allowed"
        ? toolChoice.names
        : [];
  const missing = chosen.find((name) => !tools.some((tool) => nameOf(tool) === name));
  if (missing !== undefined) {
    throw new InvalidRequest(`${param}: no tool is named ${JSON.stringify(missing)}`, { param });
  }
  if (toolChoice?.mode !== "allowed" || toolChoice.isRequired) return tools;
  const allowed = tools.filter((tool) => chosen.includes(nameOf(tool)));
  if (allowed.length < tools.length) target.losses.add(param, "other tools left out");
  return allowed;
}

/** `tools` and `toolConfig`; nothing at all when the request has no tools. */
export function encodeTools(request: ConversationRequest, target: Target): JsonObject {
  if (request.tools.length === 0) return {};
  if (request.parallelToolCalls === false) {
    target.losses.add(
      request.paths.parallelToolCalls ?? "parallel_tool_calls",
      "not in this dialect",
    );
  }
  const functionDeclarations = allowedTools(request, target).map((tool) =>
    encodeTool(tool, target),
  );
  const config = request.toolChoice && calling(request.toolChoice);
  return {
    tools: [{ functionDeclarations }],
    ...(config && { toolConfig: { functionCallingConfig: config } }),
  };
}
