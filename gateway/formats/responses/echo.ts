// What a Response object repeats of its request. Tools are completed to the form that the vendor echoes
// (`description`, `parameters` and `strict` always present); what the caller left alone is not mentioned,
// so that the defaults of the Response object show.

import type { Json, JsonObject } from "#wire";
import type { RequestBody } from "./request-schema.ts";
import { isStrictSchema } from "./tool-decoder.ts";

/** Fields repeated as they came. */
const AS_SENT = [
  "instructions",
  "max_output_tokens",
  "metadata",
  "parallel_tool_calls",
  "prompt_cache_key",
  "prompt_cache_retention",
  "safety_identifier",
  "temperature",
  "tool_choice",
  "top_p",
  "user",
] as const;

/** The settings to repeat in every Response to this request. */
export function echoOf(body: RequestBody): Record<string, Json> {
  const echo: Record<string, Json> = {};
  for (const field of AS_SENT) {
    const value = body[field];
    if (value !== undefined && value !== null) echo[field] = value;
  }
  if (body.tools) echo["tools"] = body.tools.map(completeTool);
  if (body.reasoning) {
    const { effort = null, summary = null, generate_summary: legacy = null } = body.reasoning;
    echo["reasoning"] = { effort, summary: summary ?? legacy };
  }
  if (body.text) {
    const { format, verbosity } = body.text;
    echo["text"] = { format: completeFormat(format), ...(verbosity && { verbosity }) };
  }
  // "auto" asks for a choice; an answer names the outcome, and the default is the only one we know.
  if (body.service_tier && body.service_tier !== "auto") echo["service_tier"] = body.service_tier;
  return echo;
}

function completeTool(tool: JsonObject): JsonObject {
  if (tool["type"] !== "function") return tool;
  return {
    ...tool,
    description: tool["description"] ?? null,
    parameters: tool["parameters"] ?? null,
    strict: tool["strict"] ?? isStrictSchema(tool["parameters"]),
  };
}

function completeFormat(format: NonNullable<RequestBody["text"]>["format"]): JsonObject {
  if (format?.type !== "json_schema") return { type: format?.type ?? "text" };
  const { name, description, schema, strict } = format;
  return {
    type: "json_schema",
    name: name ?? "response",
    description: description ?? null,
    schema,
    strict: strict ?? false,
  };
}
