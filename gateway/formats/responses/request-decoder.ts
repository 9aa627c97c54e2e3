// A caller's Responses request → canonical conversation, for routes whose upstream speaks another dialect.
// Fields that do no harm when absent become losses; fields that change the answer are refused with the
// path; unknown fields are refused, because nobody can tell which of the two they are.

import type { ConversationRequest, JsonObject, OutputFormat, Reasoning, Tool } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { DecodeContext } from "../format.ts";
import type { Losses } from "../losses.ts";
import { echoOf } from "./echo.ts";
import { type DecodedInput, decodeInput } from "./input-decoder.ts";
import { parseAt, type RequestBody, RequestSchema, type TextFormat } from "./request-schema.ts";
import { decodeToolChoice, decodeTools } from "./tool-decoder.ts";

/** Fields without effect on the answer, dropped in silence. */
const SILENT = new Set([
  "client_metadata",
  "user_profile_id",
  "workspace_id",
  "obfuscation",
  "eager_input_streaming",
]);

/** Where canonical parameters stand in this dialect. */
const PATHS = {
  instructions: "instructions",
  tools: "tools",
  toolChoice: "tool_choice",
  parallelToolCalls: "parallel_tool_calls",
  maxOutputTokens: "max_output_tokens",
  temperature: "temperature",
  topP: "top_p",
  reasoning: "reasoning",
  output: "text.format",
  verbosity: "text.verbosity",
  serviceTier: "service_tier",
  user: "user",
  metadata: "metadata",
  promptCacheKey: "prompt_cache_key",
  store: "store",
  wantsEncryptedReasoning: "include",
} as const;

/** Untrusted body → request; throws InvalidRequest with the JSON path. */
export function decodeRequest(body: JsonObject, { losses }: DecodeContext): ConversationRequest {
  refuseUnknown(body);
  const parsed = parseAt(RequestSchema, body, "");
  refuseReferences(parsed);
  refuseUnreachable(parsed);
  noteHarmless(parsed, losses);
  const input = decodeInput(parsed.input, losses);
  if (input.turns.length === 0 && input.instructions.length === 0) {
    throw new InvalidRequest("input: holds no message", { param: "input" });
  }
  const tools = withBrought(decodeTools(parsed.tools ?? [], "tools", losses), input.tools);
  const parameters = { ...toolParameters(parsed, tools, losses), ...sampling(parsed) };
  const outcome = { ...outcomeParameters(parsed, input, losses), ...callerParameters(parsed) };
  const given = { ...parameters, ...outcome };
  return {
    model: parsed.model,
    isStream: parsed.stream === true,
    instructions: [
      ...(parsed.instructions
        ? [{ kind: "text", text: parsed.instructions, path: "instructions" } as const]
        : []),
      ...input.instructions,
    ],
    turns: input.turns,
    tools,
    ...given,
    paths: pathsOf(given, parsed),
    echo: echoOf(parsed),
  };
}

/** Tools of the request and those its items bring; a search often finds what is already declared. */
function withBrought(declared: readonly Tool[], brought: readonly Tool[]): Tool[] {
  const tools = [...declared];
  for (const tool of brought) if (!tools.some((each) => isSameTool(each, tool))) tools.push(tool);
  return tools;
}

function isSameTool(a: Tool, b: Tool): boolean {
  if (a.kind === "hosted" || b.kind === "hosted") return a === b;
  return a.name === b.name && a.namespace === b.namespace;
}

type Parameters = Partial<ConversationRequest>;

function refuseUnknown(body: JsonObject): void {
  for (const field of Object.keys(body)) {
    if (Object.hasOwn(RequestSchema.shape, field) || SILENT.has(field)) continue;
    throw new InvalidRequest(`${field}: unknown parameter on this route`, {
      code: "unknown_parameter",
      param: field,
    });
  }
}

/** State that lives elsewhere: never ignored, or the model would answer without its history. */
function refuseReferences(parsed: RequestBody): void {
  const { previous_response_id: previous } = parsed;
  if (previous) {
    throw new InvalidRequest(
      `Previous response with id '${previous}' not found: responses are not stored here; send the whole history in input`,
      { code: "previous_response_not_found", param: "previous_response_id" },
    );
  }
  if (parsed.conversation) {
    throw new UnsupportedParameter(
      "conversation",
      "conversations are not stored here; send the whole history in input",
    );
  }
  if (parsed.prompt) {
    throw new UnsupportedParameter(
      "prompt",
      "stored prompts are not available here; send instructions and input",
    );
  }
}

/** Wishes that the other dialects cannot express and that the caller would miss. */
function refuseUnreachable(parsed: RequestBody): void {
  const refuse = (param: string, reason: string): never => {
    throw new UnsupportedParameter(param, reason);
  };
  if (parsed.background) refuse("background", "responses are not stored here; send false");
  if (parsed.truncation === "auto") {
    refuse("truncation", "the chosen upstream does not truncate; send 'disabled'");
  }
  if (parsed.max_tool_calls) refuse("max_tool_calls", "the chosen upstream has no such limit");
  if (parsed.top_logprobs) refuse("top_logprobs", "the chosen upstream's logprobs cannot be shown");
  if (parsed.context_management?.length) {
    refuse("context_management", "the chosen upstream cannot compact");
  }
  if (parsed.moderation) refuse("moderation", "the chosen upstream has no moderation");
}

const ENCRYPTED = "reasoning.encrypted_content";

/** Output of tools that are not run here anyway: nothing is missing when it is not included. */
const MOOT_INCLUDES = new Set([
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
  "message.input_image.image_url",
]);

function noteHarmless(parsed: RequestBody, losses: Losses): void {
  if (parsed.store) losses.add("store", "responses are not stored here");
  if (parsed.prompt_cache_options) losses.add("prompt_cache_options", "Responses upstreams only");
  if (parsed.prompt_cache_retention) {
    losses.add("prompt_cache_retention", "Responses upstreams only");
  }
  for (const [index, value] of (parsed.include ?? []).entries()) {
    const param = `include[${index}]`;
    if (MOOT_INCLUDES.has(value)) losses.add(param, "no such item on this route");
    else if (value !== ENCRYPTED) {
      throw new UnsupportedParameter(param, `${value} cannot be had from the chosen upstream`);
    }
  }
}

function toolParameters(parsed: RequestBody, tools: readonly Tool[], losses: Losses): Parameters {
  const { tool_choice: choice, parallel_tool_calls: parallelToolCalls } = parsed;
  const toolChoice = choice ? decodeToolChoice(choice, tools, losses) : undefined;
  return {
    ...(toolChoice && { toolChoice }),
    ...(typeof parallelToolCalls === "boolean" && { parallelToolCalls }),
  };
}

function sampling(parsed: RequestBody): Parameters {
  return {
    ...(typeof parsed.max_output_tokens === "number" && {
      maxOutputTokens: parsed.max_output_tokens,
    }),
    ...(typeof parsed.temperature === "number" && { temperature: parsed.temperature }),
    ...(typeof parsed.top_p === "number" && { topP: parsed.top_p }),
  };
}

function outcomeParameters(parsed: RequestBody, input: DecodedInput, losses: Losses): Parameters {
  const { format, verbosity } = parsed.text ?? {};
  const reasoning = reasoningOf(parsed, input.effort?.value, losses);
  return {
    ...(reasoning && { reasoning }),
    ...(format && { output: outputOf(format) }),
    ...(verbosity && { verbosity }),
    ...(parsed.include?.includes(ENCRYPTED) && { wantsEncryptedReasoning: true }),
  };
}

function callerParameters(parsed: RequestBody): Parameters {
  const user = parsed.safety_identifier ?? parsed.user;
  return {
    ...(parsed.service_tier && { serviceTier: parsed.service_tier }),
    ...(user && { user }),
    ...(parsed.metadata && { metadata: parsed.metadata }),
    ...(parsed.prompt_cache_key && { promptCacheKey: parsed.prompt_cache_key }),
    ...(parsed.store === false && { store: false }),
  };
}

/** Fields of `reasoning` with a canonical place. */
const REASONING_FIELDS = new Set(["effort", "summary", "generate_summary"]);

function reasoningOf(
  parsed: RequestBody,
  updatedEffort: string | undefined,
  losses: Losses,
): Reasoning | undefined {
  const { reasoning } = parsed;
  for (const [field, value] of Object.entries(reasoning ?? {})) {
    if (value !== null && !REASONING_FIELDS.has(field)) {
      losses.add(`reasoning.${field}`, "only Responses upstreams know it");
    }
  }
  const effort = updatedEffort ?? reasoning?.effort;
  const summary = reasoning?.summary ?? reasoning?.generate_summary;
  if (!effort && !summary) return undefined;
  return {
    ...(effort && { effort }),
    ...(effort === "none" && { isDisabled: true }),
    ...(summary && { wantsSummary: true }),
  };
}

function outputOf(format: TextFormat): OutputFormat {
  if (format.type !== "json_schema") return { kind: format.type };
  const { name, description, schema, strict } = format;
  return {
    kind: "json_schema",
    ...(name && { name }),
    ...(description && { description }),
    schema,
    ...(typeof strict === "boolean" && { strict }),
  };
}

function pathsOf(given: Parameters, parsed: RequestBody): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [name, path] of Object.entries(PATHS)) if (name in given) paths[name] = path;
  if (parsed.tools) paths["tools"] = PATHS.tools;
  if (parsed.instructions) paths["instructions"] = PATHS.instructions;
  if (given.user && parsed.safety_identifier) paths["user"] = "safety_identifier";
  return paths;
}
