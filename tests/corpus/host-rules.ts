// What each host is known to refuse or demand, stated as checks of a request body. Written down apart from the
// providers' own files on purpose: a quirk that gets lost there is missed here. Refuses to know how it is done.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** Says what is wrong with a body; undefined when nothing is. */
export type HostRule = (body: JsonObject) => string | undefined;

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

const messagesOf = (body: JsonObject) => listOf(body["messages"]);
const functionsOf = (body: JsonObject) =>
  listOf(body["tools"]).map((tool) => (isJsonObject(tool["function"]) ? tool["function"] : {}));

function without(...fields: readonly string[]): HostRule {
  return (body) => fields.find((field) => body[field] !== undefined && body[field] !== null);
}

function eachMessage(isRight: (message: JsonObject, position: number) => boolean): HostRule {
  return (body) => {
    const wrong = messagesOf(body).findIndex((message, position) => !isRight(message, position));
    return wrong === -1 ? undefined : `messages[${wrong}]`;
  };
}

function isForced({ tool_choice: choice }: JsonObject): boolean {
  return choice !== undefined && choice !== "auto" && choice !== "none";
}

const noDeveloper = eachMessage(({ role }) => role !== "developer");
const noNames = eachMessage(({ name }) => name === undefined);
const systemLeads = eachMessage(({ role }, position) => role !== "system" || position === 0);
const reasoningComesBack = eachMessage(
  (message) =>
    message["tool_calls"] === undefined || typeof message["reasoning_content"] === "string",
);
const noReasoningBack = eachMessage((message) => message["reasoning_content"] === undefined);
const nineCharIds = eachMessage((message) =>
  [message["tool_call_id"], ...listOf(message["tool_calls"]).map(({ id }) => id)].every(
    (id) => id === undefined || /^[A-Za-z0-9]{9}$/.test(String(id)),
  ),
);
const functionsOnly: HostRule = (body) =>
  listOf(body["tools"]).some(({ type }) => type === "custom") ? "tools" : undefined;
const oneStrictness: HostRule = (body) => {
  const values = new Set(functionsOf(body).map(({ strict }) => strict === true));
  return values.size > 1 ? "tools: mixed strict" : undefined;
};
const noForcedTools: HostRule = (body) => (isForced(body) ? "tool_choice" : undefined);
const forcedUnthinking: HostRule = (body) =>
  isForced(body) && !(isJsonObject(body["thinking"]) && body["thinking"]["type"] === "disabled")
    ? "tool_choice beside thinking"
    : undefined;
const noSchema: HostRule = ({ response_format: format }) =>
  isJsonObject(format) && format["type"] === "json_schema" ? "response_format" : undefined;
const notBoth =
  (...fields: readonly [string, string]): HostRule =>
  (body) =>
    fields.every((field) => body[field] !== undefined) ? fields.join(" and ") : undefined;

const compatible = [without("max_completion_tokens"), noDeveloper, functionsOnly] as const;

/** Rules by provider id, for the Chat dialect. */
export const HOST_RULES: Readonly<Record<string, readonly HostRule[]>> = {
  bedrock: compatible,
  cerebras: [
    ...compatible,
    oneStrictness,
    without("frequency_penalty", "logit_bias", "presence_penalty", "service_tier", "verbosity"),
  ],
  cohere: [...compatible, without("logit_bias", "service_tier", "parallel_tool_calls")],
  deepseek: [...compatible, reasoningComesBack, forcedUnthinking, noSchema],
  fireworks: compatible,
  "github-copilot": compatible,
  "gitlab-duo": [],
  groq: [
    ...compatible,
    noNames,
    noReasoningBack,
    without("logit_bias", "prompt_cache_key", "verbosity"),
  ],
  "kimi-code": [...compatible, reasoningComesBack, noForcedTools],
  "llama-cpp": [...compatible, systemLeads],
  "lm-studio": [...compatible, systemLeads],
  mistral: [
    ...compatible,
    nineCharIds,
    noNames,
    systemLeads,
    noReasoningBack,
    without("seed", "user", "service_tier", "verbosity", "logit_bias", "store", "metadata"),
  ],
  moonshot: [
    ...compatible,
    reasoningComesBack,
    noForcedTools,
    notBoth("thinking", "reasoning_effort"),
  ],
  ollama: [...compatible, systemLeads],
  openrouter: [...compatible, without("reasoning_effort")],
  qwen: [...compatible, noForcedTools, without("reasoning_effort", "thinking")],
  together: compatible,
  vertex: compatible,
  vllm: [...compatible, systemLeads],
  xai: compatible,
  zai: [...compatible, reasoningComesBack, without("enable_thinking")],
};
