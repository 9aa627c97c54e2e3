// The tools that a client says it has, whichever dialect it says so in. Lenient, and only as much as a scripted model needs
// to call one: tools that the provider would run (web search and its kin) are left out.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** A tool that a scenario may call. */
export interface OfferedTool {
  readonly name: string;
  /** Of Responses' `namespace` tools: the group the tool is in. */
  readonly namespace?: string;
  /** True when it takes text and no JSON. */
  readonly isFreeform: boolean;
  /** The JSON schema of its arguments; empty when it has none. */
  readonly schema: JsonObject;
}

/** Every tool in `body`, including those that Responses announces in the middle of its input. */
export function readTools(body: JsonObject): readonly OfferedTool[] {
  const announced = objectsIn(body["input"]).filter((item) => item["type"] === "additional_tools");
  const lists = [body, ...announced].map((holder) => objectsIn(holder["tools"]));
  return lists.flat().flatMap((tool) => readTool(tool));
}

function readTool(tool: JsonObject, namespace?: string): OfferedTool[] {
  const { name } = tool;
  if (tool["type"] === "namespace") {
    const group = typeof name === "string" ? name : undefined;
    return objectsIn(tool["tools"]).flatMap((each) => readTool(each, group));
  }
  const inner = tool[String(tool["type"])];
  // Chat's manner: `{type: "function", function: {…}}`, and the same with `custom`.
  if (isJsonObject(inner)) return readTool({ type: tool["type"] ?? null, ...inner }, namespace);
  if (typeof name !== "string") return [];
  const schema = tool["parameters"] ?? tool["input_schema"];
  return [
    {
      name,
      ...(namespace !== undefined && { namespace }),
      isFreeform: tool["type"] === "custom",
      schema: isJsonObject(schema) ? schema : {},
    },
  ];
}

function objectsIn(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
