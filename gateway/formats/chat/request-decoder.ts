// A Chat request body → the canonical conversation. Refuses unknown top-level fields, and those that
// change the answer in ways no other dialect can follow.

import type { ConversationRequest, Json, JsonObject, OutputFormat, Reasoning, Tool } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { DecodeContext } from "../format.ts";
import { AnyObject, parseAt } from "./body-parser.ts";
import { legacyEcho } from "./legacy-functions.ts";
import { decodeMessages } from "./message-decoder.ts";
import { decodeFunctions, decodeToolChoice, decodeTools, WEB_SEARCH } from "./tool-decoder.ts";

const Fields = z.object({
  model: z.string().min(1),
  messages: z.array(AnyObject).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  usage: z.object({ include: z.boolean().nullish() }).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
  random_seed: z.int().nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: AnyObject.nullish(),
  logprobs: z.union([z.boolean(), z.int()]).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  n: z.int().min(1).nullish(),
  tools: z.array(AnyObject).nullish(),
  functions: z.array(AnyObject).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: AnyObject.nullish(),
  reasoning_effort: z.string().nullish(),
  reasoning: z
    .object({
      effort: z.string().nullish(),
      max_tokens: z.int().min(0).nullish(),
      enabled: z.boolean().nullish(),
      exclude: z.boolean().nullish(),
    })
    .nullish(),
  thinking: z.object({ type: z.string(), budget_tokens: z.int().nullish() }).nullish(),
  enable_thinking: z.boolean().nullish(),
  thinking_budget: z.int().nullish(),
  verbosity: z.string().nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  user: z.string().nullish(),
  metadata: AnyObject.nullish(),
  prompt_cache_key: z.string().nullish(),
  store: z.boolean().nullish(),
  modalities: z.array(z.string()).nullish(),
  web_search_options: AnyObject.nullish(),
});

type Fields = z.infer<typeof Fields>;

/** Fields read where they stand, because their shape depends on others. */
const OPEN_FIELDS = ["tool_choice", "function_call"];

/** No effect on meaning when absent. */
const SILENT_FIELDS = [
  "client_metadata",
  "user_profile_id",
  "workspace_id",
  "eager_input_streaming",
  "prediction",
  "prompt_cache_options",
  "prompt_cache_retention",
];

const REFUSED_FIELDS: Readonly<Record<string, string>> = {
  audio: "audio output cannot cross to another dialect",
  moderation: "moderation cannot cross to another dialect",
};

const KNOWN = new Set([...Object.keys(Fields.shape), ...OPEN_FIELDS, ...SILENT_FIELDS]);

function checkKeys(body: JsonObject): void {
  for (const [key, value] of Object.entries(body)) {
    if (value === null || value === undefined || KNOWN.has(key)) continue;
    const reason = Object.hasOwn(REFUSED_FIELDS, key) ? REFUSED_FIELDS[key] : undefined;
    if (reason) throw new UnsupportedParameter(key, reason);
    if (key.startsWith("x-stainless-")) continue;
    const message = `${key}: unknown parameter; remove it, or use a model served over Chat Completions`;
    throw new InvalidRequest(message, { code: "unknown_parameter", param: key });
  }
}

const JsonSchemaFormat = z.object({
  json_schema: z.object({
    name: z.string().nullish(),
    description: z.string().nullish(),
    schema: AnyObject.nullish(),
    strict: z.boolean().nullish(),
  }),
});

function decodeOutput(format: JsonObject): OutputFormat {
  const { type } = format;
  if (type === "text" || type === "json_object") return { kind: type };
  if (type !== "json_schema") {
    const param = "response_format.type";
    throw new InvalidRequest(`${param}: expected text, json_object or json_schema`, { param });
  }
  const { name, description, schema, strict } = parseAt(
    JsonSchemaFormat,
    format,
    "response_format",
  ).json_schema;
  return {
    kind: "json_schema",
    ...(name && { name }),
    ...(description && { description }),
    schema: schema ?? {},
    ...(typeof strict === "boolean" && { strict }),
  };
}

/** `reasoning_effort`, or one of the hosts' own spellings. */
function decodeReasoning(fields: Fields): Reasoning | undefined {
  const { reasoning, thinking } = fields;
  const effort = fields.reasoning_effort ?? reasoning?.effort ?? undefined;
  const budgetTokens =
    reasoning?.max_tokens ?? thinking?.budget_tokens ?? fields.thinking_budget ?? undefined;
  const isOff =
    effort === "none" ||
    reasoning?.enabled === false ||
    thinking?.type === "disabled" ||
    fields.enable_thinking === false;
  const isOn =
    reasoning?.enabled === true || thinking?.type === "enabled" || fields.enable_thinking === true;
  const wantsSummary = reasoning ? reasoning.exclude !== true : undefined;
  if (effort === undefined && budgetTokens === undefined && !isOff && !isOn) return undefined;
  return {
    ...(effort !== undefined ? { effort } : isOn && !budgetTokens && { effort: "medium" }),
    ...(budgetTokens !== undefined && { budgetTokens }),
    ...(isOff && { isDisabled: true }),
    ...(wantsSummary !== undefined && { wantsSummary }),
  };
}

/** Only the members that hold a value, so that absent stays absent. */
function compact<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(value).filter(
    ([, member]) => member !== undefined && member !== null,
  );
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}

function decodeParameters(fields: Fields) {
  const { stop, logprobs } = fields;
  return compact({
    parallelToolCalls: fields.functions ? false : fields.parallel_tool_calls,
    maxOutputTokens: fields.max_completion_tokens ?? fields.max_tokens,
    temperature: fields.temperature,
    topP: fields.top_p,
    topK: fields.top_k,
    stop: typeof stop === "string" ? [stop] : stop,
    seed: fields.seed ?? fields.random_seed,
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    logitBias: fields.logit_bias,
    // Together and other hosts count instead of switching.
    logprobs: typeof logprobs === "number" ? logprobs > 0 : logprobs,
    topLogprobs: fields.top_logprobs,
    candidates: fields.n,
    reasoning: decodeReasoning(fields),
    output: fields.response_format ? decodeOutput(fields.response_format) : undefined,
    verbosity: fields.verbosity,
    serviceTier: fields.service_tier,
    user: fields.safety_identifier ?? fields.user,
    metadata: fields.metadata,
    promptCacheKey: fields.prompt_cache_key,
    store: fields.store,
    includeUsage: fields.stream_options?.include_usage ?? fields.usage?.include,
  });
}

type Parameter = keyof ReturnType<typeof decodeParameters> | "toolChoice";

/** Canonical name → the fields it may come from, the first present one being the one that counts. */
const SOURCES: Readonly<Record<Parameter, readonly string[]>> = {
  toolChoice: ["tool_choice", "function_call"],
  parallelToolCalls: ["parallel_tool_calls", "functions"],
  maxOutputTokens: ["max_completion_tokens", "max_tokens"],
  temperature: ["temperature"],
  topP: ["top_p"],
  topK: ["top_k"],
  stop: ["stop"],
  seed: ["seed", "random_seed"],
  frequencyPenalty: ["frequency_penalty"],
  presencePenalty: ["presence_penalty"],
  logitBias: ["logit_bias"],
  logprobs: ["logprobs"],
  topLogprobs: ["top_logprobs"],
  candidates: ["n"],
  reasoning: ["reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget"],
  output: ["response_format"],
  verbosity: ["verbosity"],
  serviceTier: ["service_tier"],
  user: ["safety_identifier", "user"],
  metadata: ["metadata"],
  promptCacheKey: ["prompt_cache_key"],
  store: ["store"],
  includeUsage: ["stream_options", "usage"],
};

function pathsOf(parameters: object, body: JsonObject): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [name, sources] of Object.entries(SOURCES)) {
    const source = sources.find((key) => body[key] !== undefined && body[key] !== null);
    if (Object.hasOwn(parameters, name) && source !== undefined) paths[name] = source;
  }
  return paths;
}

function checkModalities(fields: Fields): void {
  const other = fields.modalities?.findIndex((modality) => modality !== "text") ?? -1;
  if (other < 0) return;
  throw new UnsupportedParameter(`modalities[${other}]`, "only text output can cross dialects");
}

function allTools(fields: Fields): Tool[] {
  const tools = [
    ...decodeTools(fields.tools ?? [], "tools"),
    ...decodeFunctions(fields.functions ?? []),
  ];
  const search = fields.web_search_options;
  if (!search) return tools;
  const path = "web_search_options";
  return [...tools, { kind: "hosted", format: "chat", type: WEB_SEARCH, raw: search, path }];
}

/** The caller's body as a conversation; throws InvalidRequest with the JSON path of what is wrong. */
export function decodeRequest(body: JsonObject, { losses }: DecodeContext): ConversationRequest {
  checkKeys(body);
  const fields = parseAt(Fields, body, "");
  checkModalities(fields);
  const tools = allTools(fields);
  const choice: Json = body["tool_choice"] ?? body["function_call"] ?? null;
  const choicePath = body["tool_choice"] ? "tool_choice" : "function_call";
  const parameters = {
    ...decodeParameters(fields),
    ...(choice !== null && { toolChoice: decodeToolChoice(choice, tools, choicePath) }),
  };
  return {
    model: fields.model,
    isStream: fields.stream === true,
    ...decodeMessages(fields.messages, losses),
    tools,
    ...parameters,
    wantsEncryptedReasoning: true,
    paths: pathsOf(parameters, body),
    ...(fields.functions && { echo: legacyEcho(fields.functions) }),
  };
}
