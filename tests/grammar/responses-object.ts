// The Response object: every field a client may read is there, in each event that carries one and in
// whole replies. Which may be null is what the Open Responses schema says.

import {
  type Expectation,
  type Fields,
  type Findings,
  fields,
  fieldsList,
  type Shape,
  text,
} from "./findings.ts";

const RESPONSE: Shape = {
  id: "string",
  object: "'response'",
  created_at: "number",
  completed_at: "number|null",
  status: "string",
  error: "object|null",
  incomplete_details: "object|null",
  previous_response_id: "string|null",
  instructions: "string|array|null",
  model: "string",
  output: "array",
  tools: "array",
  tool_choice: "string|object",
  truncation: "string",
  parallel_tool_calls: "boolean",
  text: "object",
  top_p: "number",
  presence_penalty: "number",
  frequency_penalty: "number",
  top_logprobs: "number",
  temperature: "number",
  reasoning: "object|null",
  usage: "object|null",
  max_output_tokens: "number|null",
  max_tool_calls: "number|null",
  store: "boolean",
  background: "boolean",
  service_tier: "string",
  metadata: "object",
  safety_identifier: "string|null",
  prompt_cache_key: "string|null",
};

const ECHOED_FUNCTION: Shape = {
  name: "string",
  description: "string|null",
  parameters: "object|null",
  strict: "boolean|null",
};

const USAGE: Shape = {
  input_tokens: "number",
  input_tokens_details: "object",
  output_tokens: "number",
  output_tokens_details: "object",
  total_tokens: "number",
};

/** Checks one Response object that must have `status`. */
export function checkResponseObject(
  findings: Findings,
  response: Fields,
  status: string,
  { includeUsage }: Expectation = {},
): void {
  findings.shape("response", response, RESPONSE);
  findings.expect(/^resp_./.test(text(response["id"])), "id", `id ${text(response["id"])}`);
  findings.expect(response["status"] === status, "status", `status ${text(response["status"])}`);
  for (const tool of fieldsList(response["tools"])) {
    if (tool["type"] === "function") findings.shape("tools[]", tool, ECHOED_FUNCTION);
  }
  STATUS_RULES[status]?.(findings, response);
  const mayBeUnknown = includeUsage !== true && response["usage"] === null;
  const isCounted = status === "completed" || status === "incomplete";
  if (isCounted && !mayBeUnknown) checkUsage(findings, response["usage"]);
}

const STATUS_RULES: Readonly<Record<string, (findings: Findings, response: Fields) => void>> = {
  in_progress: (findings, response) => {
    findings.expect(response["error"] === null, "status", "error while in progress");
    findings.expect(response["completed_at"] === null, "status", "completed_at while in progress");
  },
  completed: (findings, response) => {
    findings.expect(response["error"] === null, "status", "completed with an error");
    findings.expect(response["incomplete_details"] === null, "status", "completed, yet incomplete");
  },
  incomplete: (findings, response) => {
    const { reason } = fields(response["incomplete_details"]);
    const isKnown = reason === "max_output_tokens" || reason === "content_filter";
    findings.expect(isKnown, "status", `incomplete_details.reason ${String(reason)}`);
    findings.expect(response["error"] === null, "status", "incomplete with an error");
  },
  failed: (findings, response) => {
    const error = fields(response["error"]);
    findings.shape("response.error", error, { code: "string", message: "string" });
    findings.expect(text(error["message"]) !== "", "error-shape", "failed without a message");
  },
};

function checkUsage(findings: Findings, value: unknown): void {
  const usage = fields(value);
  findings.shape("usage", usage, USAGE);
  findings.shape("usage.input_tokens_details", fields(usage["input_tokens_details"]), {
    cached_tokens: "number",
    cache_write_tokens: "number",
  });
  findings.shape("usage.output_tokens_details", fields(usage["output_tokens_details"]), {
    reasoning_tokens: "number",
  });
  const sum = Number(usage["input_tokens"]) + Number(usage["output_tokens"]);
  findings.expect(sum === usage["total_tokens"], "usage-sum", JSON.stringify(usage));
}
