// The shape of a caller's request, as far as one schema can say it; items and content are read one by one,
// so that every message names the JSON path in the caller's own body. Null means absent throughout.

import { z } from "zod";
import { isJsonObject, type JsonObject } from "#wire";
import { InvalidRequest } from "../../errors.ts";

/** Any JSON object, kept as it is. */
export const jsonObject = z.custom<JsonObject>(isJsonObject, "expected an object");

const FormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string().nullish(),
    description: z.string().nullish(),
    schema: jsonObject,
    strict: z.boolean().nullish(),
  }),
]);

/** What `text.format` may be. */
export type TextFormat = z.infer<typeof FormatSchema>;

/** Every top-level field that has a canonical place or is refused by name. */
export const RequestSchema = z.object({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(jsonObject)], "expected a string or an array of items"),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: jsonObject.nullish(),
  tools: z.array(jsonObject).nullish(),
  tool_choice: z.union([z.string(), jsonObject], "expected a string or an object").nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  max_output_tokens: z.int().positive().nullish(),
  max_tool_calls: z.int().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().nullish(),
  reasoning: z
    .looseObject({
      effort: z.string().nullish(),
      summary: z.string().nullish(),
      generate_summary: z.string().nullish(),
    })
    .nullish(),
  text: z
    .looseObject({ format: FormatSchema.nullish(), verbosity: z.string().nullish() })
    .nullish(),
  service_tier: z.string().nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: jsonObject.nullish(),
  prompt_cache_retention: z.string().nullish(),
  store: z.boolean().nullish(),
  include: z.array(z.string()).nullish(),
  truncation: z.string().nullish(),
  background: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z.union([z.string(), jsonObject]).nullish(),
  prompt: jsonObject.nullish(),
  context_management: z.array(jsonObject).nullish(),
  moderation: jsonObject.nullish(),
});

/** A request whose top level is sound. */
export type RequestBody = z.infer<typeof RequestSchema>;

/** Parses one value of the caller's body; throws InvalidRequest that names the path below `path`. */
export function parseAt<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const param = pathText(path, issue?.path ?? []);
  const isMissing = issue?.code === "invalid_type" && issue.message.endsWith("received undefined");
  if (isMissing) {
    throw new InvalidRequest(`${param}: required`, { code: "missing_required_parameter", param });
  }
  const code = issue?.code === "invalid_type" ? "invalid_type" : "invalid_value";
  throw new InvalidRequest(`${param || "body"}: ${issue?.message ?? "invalid"}`, { code, param });
}

function pathText(base: string, path: readonly PropertyKey[]): string {
  let text = base;
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
}
