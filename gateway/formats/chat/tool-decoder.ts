// `tools`, `functions` and the choice among them → canonical. Refuses a choice of a tool that is not
// declared; tool types it does not know stay whole, for the pipeline's policy to judge.

import { type Json, type JsonObject, type Tool, type ToolChoice } from "#wire";
import { z } from "zod";
import { InvalidRequest } from "../../errors.ts";
import { AnyObject, parseAt } from "./body-parser.ts";

/** Type under which `web_search_options` joins the tools. */
export const WEB_SEARCH = "web_search";

/** Schema of a function whose caller gave none. */
const NO_PARAMETERS: JsonObject = { type: "object", properties: {} };

const FunctionTool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: AnyObject.nullish(),
  strict: z.boolean().nullish(),
});

const Grammar = z.object({ syntax: z.string(), definition: z.string() });

const CustomTool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  format: z.object({ type: z.string(), grammar: Grammar.nullish() }).nullish(),
});

function decodeFunction(value: Json | undefined, at: string, path: string): Tool {
  const { name, description, parameters, strict } = parseAt(FunctionTool, value, at);
  return {
    kind: "function",
    name,
    ...(description && { description }),
    schema: parameters ?? NO_PARAMETERS,
    ...(typeof strict === "boolean" && { strict }),
    path,
  };
}

function decodeCustom(value: Json | undefined, at: string, path: string): Tool {
  const { name, description, format } = parseAt(CustomTool, value, at);
  return {
    kind: "freeform",
    name,
    ...(description && { description }),
    ...(format?.grammar && { grammar: format.grammar }),
    path,
  };
}

const ToolType = z.object({ type: z.string().min(1) });

/** Declared tools; `path` is where the list stands. */
export function decodeTools(tools: readonly JsonObject[], path: string): Tool[] {
  return tools.map((tool, index) => {
    const at = `${path}[${index}]`;
    // Mistral's and Hugging Face's clients leave the type out.
    const { type } = parseAt(
      ToolType,
      "function" in tool ? { type: "function", ...tool } : tool,
      at,
    );
    if (type === "function") return decodeFunction(tool["function"], `${at}.function`, at);
    if (type === "custom") return decodeCustom(tool["custom"], `${at}.custom`, at);
    return { kind: "hosted", format: "chat", type, raw: tool, path: at };
  });
}

/** Legacy `functions`, which are functions without the wrapper. */
export function decodeFunctions(functions: readonly JsonObject[]): Tool[] {
  return functions.map((tool, index) => {
    const at = `functions[${index}]`;
    return decodeFunction(tool, at, at);
  });
}

const Named = z.object({ name: z.string().min(1) });
const AllowedTool = z.object({ function: Named.optional(), custom: Named.optional() });

const NamedChoice = z.union([
  z.object({ type: z.literal("function").optional(), function: Named }),
  z.object({ type: z.literal("custom"), custom: Named }),
  z.object({
    type: z.literal("allowed_tools"),
    allowed_tools: z.object({
      mode: z.enum(["auto", "required"]),
      tools: z.array(AllowedTool),
    }),
  }),
  z.object({ name: z.string().min(1) }), // legacy function_call
]);

const MODES = new Map<Json, "auto" | "none" | "required">([
  ["auto", "auto"],
  ["none", "none"],
  ["required", "required"],
  ["any", "required"], // Mistral
]);

function namedChoice(choice: Json, path: string): ToolChoice {
  const parsed = NamedChoice.safeParse(choice);
  if (!parsed.success) {
    const message = `${path}: expected auto, none, required, a named tool, or allowed_tools`;
    throw new InvalidRequest(message, { param: path });
  }
  const { data } = parsed;
  if ("function" in data) return { mode: "tool", name: data.function.name };
  if ("custom" in data) return { mode: "tool", name: data.custom.name };
  if ("name" in data) return { mode: "tool", name: data.name };
  const { mode, tools } = data.allowed_tools;
  const names = tools.map((tool) => tool.function?.name ?? tool.custom?.name ?? "");
  return { mode: "allowed", names, isRequired: mode === "required" };
}

/** The caller's choice; every tool it names must be declared. */
export function decodeToolChoice(choice: Json, tools: readonly Tool[], path: string): ToolChoice {
  const mode = MODES.get(choice);
  if (mode) return { mode };
  const named = namedChoice(choice, path);
  const names = named.mode === "tool" ? [named.name] : named.mode === "allowed" ? named.names : [];
  const declared = new Set(tools.map((tool) => (tool.kind === "hosted" ? "" : tool.name)));
  const absent = names.find((name) => !declared.has(name));
  if (absent === undefined || tools.length === 0) return named;
  throw new InvalidRequest(`${path}: no tool is named "${absent.slice(0, 80)}"`, { param: path });
}
