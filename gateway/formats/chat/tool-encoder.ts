// Canonical tools and tool choice → Chat. Refuses tools that another dialect's provider runs, and
// names with namespaces, which the pipeline flattens first.

import type { ConversationRequest, JsonObject, Tool, ToolChoice } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { WEB_SEARCH } from "./tool-decoder.ts";

function refuse(tool: Tool, index: number, reason: string): never {
  const code = "unsupported_tool";
  throw new UnsupportedParameter(tool.path ?? `tools[${index}]`, reason, { code });
}

function encodeTool(tool: Tool, index: number, target: Target): JsonObject {
  if (tool.kind === "hosted") {
    if (tool.format === "chat") return tool.raw;
    return refuse(tool, index, `${tool.type} has no equivalent in Chat Completions`);
  }
  if (tool.namespace !== undefined) refuse(tool, index, "Chat Completions has no namespaces");
  const { name, description } = tool;
  const head = { name, ...(description !== undefined && { description }) };
  if (tool.kind === "function") {
    const { schema: parameters, strict } = tool;
    const definition = { ...head, parameters, ...(strict !== undefined && { strict }) };
    return { type: "function", function: definition };
  }
  if (target.quirks.hasNoFreeformTools) refuse(tool, index, "the upstream has no freeform tools");
  const format = tool.grammar && { type: "grammar", grammar: { ...tool.grammar } };
  return { type: "custom", custom: { ...head, ...(format && { format }) } };
}

/** Tools with one `strict` for all of them, where the host insists: the lenient one, which every schema meets. */
function evenStrictness(tools: readonly Tool[], target: Target): readonly Tool[] {
  if (!target.quirks.wantsOneStrictness) return tools;
  const isStrict = (tool: Tool) => tool.kind === "function" && tool.strict === true;
  if (!tools.some(isStrict) || tools.every(isStrict)) return tools;
  return tools.map((tool, index) => {
    if (!isStrict(tool)) return tool;
    target.losses.add(`${tool.path ?? `tools[${index}]`}.strict`, "not all tools are strict");
    return { ...tool, strict: false };
  });
}

function reference(name: string, tools: readonly Tool[]): JsonObject {
  const isFreeform = tools.some((tool) => tool.kind === "freeform" && tool.name === name);
  return isFreeform
    ? { type: "custom", custom: { name } }
    : { type: "function", function: { name } };
}

function isSearch(tool: Tool): tool is Extract<Tool, { kind: "hosted" }> {
  return tool.kind === "hosted" && tool.format === "chat" && tool.type === WEB_SEARCH;
}

/** The tools a restricted choice leaves over, for hosts that know no `allowed_tools`. */
function allowedTools(request: ConversationRequest, target: Target): readonly Tool[] {
  const { tools, toolChoice } = request;
  if (toolChoice?.mode !== "allowed" || !target.quirks.hasNoFreeformTools) return tools;
  target.losses.add(request.paths["toolChoice"] ?? "tool_choice", "tool list filtered");
  return tools.filter((tool) => tool.kind === "hosted" || toolChoice.names.includes(tool.name));
}

/** True when the choice leaves the model no answer but a call. */
export function isForced(choice: ToolChoice): boolean {
  const { mode } = choice;
  return mode === "required" || mode === "tool" || (mode === "allowed" && choice.isRequired);
}

function encodeChoice(request: ConversationRequest, choice: ToolChoice, target: Target) {
  const { tools } = request;
  if (isForced(choice) && target.quirks.hasNoForcedTools) {
    target.losses.add(request.paths["toolChoice"] ?? "tool_choice", "the upstream forces no tool");
    return "auto";
  }
  if (choice.mode === "tool") return reference(choice.name, tools);
  if (choice.mode !== "allowed") return choice.mode;
  const mode = choice.isRequired ? "required" : "auto";
  // Hosts without custom tools are not OpenAI, and no other host knows allowed_tools.
  if (target.quirks.hasNoFreeformTools) return mode;
  const allowed = { mode, tools: choice.names.map((name) => reference(name, tools)) };
  return { type: "allowed_tools", allowed_tools: allowed };
}

/** `tools`, `tool_choice` and their kin; nothing at all when there are no tools. */
export function encodeTools(request: ConversationRequest, target: Target): JsonObject {
  const search = request.tools.find(isSearch);
  const searchField: JsonObject = search ? { web_search_options: search.raw } : {};
  const tools = allowedTools(request, target).filter((tool) => !isSearch(tool));
  // OpenAI refuses a choice, or a parallel flag, without tools.
  if (tools.length === 0) return searchField;
  const { toolChoice, parallelToolCalls } = request;
  return {
    ...searchField,
    tools: evenStrictness(tools, target).map((tool, index) => encodeTool(tool, index, target)),
    ...(toolChoice && { tool_choice: encodeChoice(request, toolChoice, target) }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
  };
}
