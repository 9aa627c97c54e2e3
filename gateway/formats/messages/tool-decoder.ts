// Tools and tool_choice of a Messages request → canonical. What the caller runs becomes a function; server tools keep
// their raw form: whether another dialect can stand in for them is the pipeline's decision, not this one's.

import type { JsonObject, Tool, ToolChoice } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import { AnyObject, Ignored, parseAt, type Place } from "./body-fields.ts";
import { clientTool } from "./client-tools.ts";

const FunctionTool = z.object({
  name: z.string().min(1),
  type: z.literal("custom").nullish(),
  description: z.string().nullish(),
  input_schema: AnyObject,
  strict: z.boolean().nullish(),
  allowed_callers: z.array(z.string()).nullish(),
  defer_loading: z.boolean().nullish(),
  input_examples: Ignored,
  cache_control: Ignored,
  eager_input_streaming: Ignored,
});

const Choice = z.object({
  type: z.enum(["auto", "any", "tool", "none"]),
  name: z.string().min(1).optional(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

/** One entry of `tools`. */
export function decodeTool(tool: JsonObject, place: Place): Tool {
  const { path, losses } = place;
  if (typeof tool.type === "string" && tool.type !== "custom") {
    const hosted = {
      kind: "hosted",
      format: "messages",
      type: tool.type,
      raw: tool,
      path,
    } as const;
    return clientTool(tool.type, tool, path) ?? hosted;
  }
  const { name, description, input_schema, strict, allowed_callers, defer_loading } = parseAt(
    FunctionTool,
    tool,
    place,
  );
  if (allowed_callers && !allowed_callers.includes("direct")) {
    throw new UnsupportedParameter(
      `${path}.allowed_callers`,
      "only Anthropic can run a tool from code execution",
    );
  }
  if (allowed_callers?.some((caller) => caller !== "direct")) {
    losses.add(`${path}.allowed_callers`, "the model calls it directly");
  }
  if (defer_loading) losses.add(`${path}.defer_loading`, "loaded at once");
  if (tool.input_examples) losses.add(`${path}.input_examples`, "not carried");
  return {
    kind: "function",
    name,
    ...(typeof description === "string" && { description }),
    schema: input_schema,
    ...(typeof strict === "boolean" && { strict }),
    path,
  };
}

/** The name a tool is called by; hosted ones keep it in their raw form. */
export function toolName(tool: Tool): string | undefined {
  if (tool.kind !== "hosted") return tool.name;
  return typeof tool.raw.name === "string" ? tool.raw.name : undefined;
}

/** `tool_choice`, and whether it forbids parallel calls. Throws for a tool that is not in the list. */
export function decodeToolChoice(
  value: unknown,
  tools: readonly Tool[],
  place: Place,
): { toolChoice: ToolChoice; isParallelDisabled: boolean } {
  const { type, name, disable_parallel_tool_use } = parseAt(Choice, value, place);
  const isParallelDisabled = disable_parallel_tool_use === true;
  if (type !== "tool") {
    return { toolChoice: { mode: type === "any" ? "required" : type }, isParallelDisabled };
  }
  const param = `${place.path}.name`;
  if (name === undefined) {
    throw new InvalidRequest(`${param}: Field required`, {
      code: "missing_required_parameter",
      param,
    });
  }
  if (!tools.some((tool) => toolName(tool) === name)) {
    throw new InvalidRequest(`${param}: no tool is named ${JSON.stringify(name)}`, { param });
  }
  return { toolChoice: { mode: "tool", name }, isParallelDisabled };
}
