// Tools and tool choice of a caller → canonical. Namespaces are flattened onto each tool; what the provider
// would run itself stays raw as a hosted tool, for the policy of the pipeline to drop or refuse.

import { z } from "zod";
import { isJsonObject, type Json, type JsonObject, type Tool, type ToolChoice } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Losses } from "../losses.ts";
import { jsonObject, parseAt } from "./request-schema.ts";

const FunctionTool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

const CustomTool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  format: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("grammar"), syntax: z.string(), definition: z.string() }),
    ])
    .nullish(),
});

const NamespaceTool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  tools: z.array(jsonObject),
});

/** Fields of a tool that change how it is offered, not what it is. */
const OFFER_FIELDS = ["defer_loading", "output_schema", "async"] as const;

const NO_PARAMETERS: JsonObject = { type: "object", properties: {} };

/** A `tools` list → canonical tools, in order. */
export function decodeTools(
  tools: readonly JsonObject[],
  path: string,
  losses: Losses,
  namespace?: string,
): Tool[] {
  return tools.flatMap((tool, index) => decodeTool(tool, `${path}[${index}]`, losses, namespace));
}

function decodeTool(
  tool: JsonObject,
  path: string,
  losses: Losses,
  namespace: string | undefined,
): Tool[] {
  for (const field of OFFER_FIELDS) {
    if (tool[field]) losses.add(`${path}.${field}`, "only Responses upstreams know it");
  }
  switch (tool["type"]) {
    case "function":
      return [functionTool(tool, path, namespace)];
    case "custom":
      return [customTool(tool, path, namespace)];
    case "namespace": {
      if (namespace !== undefined) {
        throw new InvalidRequest(`${path}: a namespace cannot hold another`, { param: path });
      }
      const { name, description, tools } = parseAt(NamespaceTool, tool, path);
      if (description) losses.add(`${path}.description`, "namespaces are flattened");
      return decodeTools(tools, `${path}.tools`, losses, name);
    }
    default: {
      const type = parseAt(z.string(), tool["type"], `${path}.type`);
      return [{ kind: "hosted", format: "responses", type, raw: tool, path }];
    }
  }
}

function functionTool(tool: JsonObject, path: string, namespace: string | undefined): Tool {
  const { name, description, parameters, strict } = parseAt(FunctionTool, tool, path);
  const schema = parameters ?? NO_PARAMETERS;
  return {
    kind: "function",
    name,
    ...(description && { description }),
    schema,
    strict: strict ?? isStrictSchema(schema),
    ...(namespace !== undefined && { namespace }),
    path,
  };
}

function customTool(tool: JsonObject, path: string, namespace: string | undefined): Tool {
  const { name, description, format } = parseAt(CustomTool, tool, path);
  return {
    kind: "freeform",
    name,
    ...(description && { description }),
    ...(format?.type === "grammar" && {
      grammar: { syntax: format.syntax, definition: format.definition },
    }),
    ...(namespace !== undefined && { namespace }),
    path,
  };
}

/** Deeper schemas count as not strict; the vendor's own limit is far lower. */
const MAX_SCHEMA_DEPTH = 32;

/**
 * True when strict mode takes the schema as it is. This dialect is strict by default but only where the
 * schema allows it, so a tool that says nothing is strict exactly then.
 */
export function isStrictSchema(schema: Json | undefined, depth = 0): boolean {
  if (depth > MAX_SCHEMA_DEPTH || !isJsonObject(schema)) return false;
  if (depth === 0 && schema["type"] !== "object") return false;
  const { properties, items, anyOf, $defs } = schema;
  if (schema["type"] === "object" || properties !== undefined) {
    if (schema["additionalProperties"] !== false) return false;
    const required = schema["required"];
    const names = isJsonObject(properties) ? Object.keys(properties) : [];
    const isAllRequired = names.every((name) => Array.isArray(required) && required.includes(name));
    if (!isAllRequired) return false;
  }
  const inner = [
    ...(isJsonObject(properties) ? Object.values(properties) : []),
    ...(isJsonObject($defs) ? Object.values($defs) : []),
    ...(Array.isArray(anyOf) ? anyOf : []),
    ...(items === undefined ? [] : [items]),
  ];
  return inner.every((each) => isStrictSchema(each, depth + 1));
}

const Named = z.object({ name: z.string().min(1) });
const Allowed = z.object({ mode: z.enum(["auto", "required"]), tools: z.array(jsonObject) });

/** `tool_choice` → canonical; undefined when nothing is left to choose from. */
export function decodeToolChoice(
  choice: string | JsonObject,
  tools: readonly Tool[],
  losses: Losses,
): ToolChoice | undefined {
  if (typeof choice === "string") {
    if (choice === "auto" || choice === "none" || choice === "required") {
      return tools.length === 0 ? undefined : { mode: choice };
    }
    throw new InvalidRequest("tool_choice: expected 'none', 'auto', 'required' or an object", {
      param: "tool_choice",
    });
  }
  switch (choice["type"]) {
    case "function":
    case "custom": {
      const { name } = parseAt(Named, choice, "tool_choice");
      requireTool(name, tools, "tool_choice.name");
      return { mode: "tool", name };
    }
    case "allowed_tools":
      return decodeAllowed(choice, tools, losses);
    default:
      throw new UnsupportedParameter("tool_choice", "this tool cannot be forced on this route", {
        code: "unsupported_tool",
      });
  }
}

function decodeAllowed(choice: JsonObject, tools: readonly Tool[], losses: Losses): ToolChoice {
  const { mode, tools: allowed } = parseAt(Allowed, choice, "tool_choice");
  const names: string[] = [];
  for (const [index, entry] of allowed.entries()) {
    const path = `tool_choice.tools[${index}]`;
    if (entry["type"] === "function" || entry["type"] === "custom") {
      const { name } = parseAt(Named, entry, path);
      requireTool(name, tools, `${path}.name`);
      names.push(name);
    } else {
      losses.add(path, "hosted tools are not offered on this route");
    }
  }
  return { mode: "allowed", names, isRequired: mode === "required" };
}

function requireTool(name: string, tools: readonly Tool[], param: string): void {
  const isKnown = tools.some((tool) => tool.kind !== "hosted" && tool.name === name);
  if (!isKnown) {
    throw new InvalidRequest(`${param}: no tool is named ${JSON.stringify(name)}`, { param });
  }
}
