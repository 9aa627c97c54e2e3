// Error bodies of Chat Completions: reads those of OpenAI and of the compatible hosts, writes OpenAI's.
// Refuses to pass on key fragments or account ids that hosts echo.

import { type Failure, type FailureKind, isJsonObject, type Json, type JsonObject } from "#wire";

/** Longest part of a host's message that is shown, in characters. */
export const MAX_MESSAGE_CHARS = 2_000;

const AUTH_MESSAGE = "the upstream refused the gateway's credential";

interface ErrorFields {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string;
  readonly status: number | undefined;
}

function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : "";
}

function httpStatus(value: Json | undefined): number | undefined {
  const number = Number(typeof value === "string" ? value : (value ?? Number.NaN));
  return Number.isInteger(number) && number >= 400 && number <= 599 ? number : undefined;
}

/** FastAPI hosts (Mistral among them) answer `detail`: a string, or a list of `{loc, msg}`. */
function detailText(detail: Json | undefined): string {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return isJsonObject(detail) ? text(detail["message"]) : "";
  return detail.map((item) => (isJsonObject(item) ? text(item["msg"]) : "")).join("; ");
}

function errorFields(body: Json): ErrorFields {
  if (!isJsonObject(body)) {
    const isReadable = typeof body === "string" && !/^\s*</.test(body);
    return {
      message: isReadable ? body.trim() : "",
      type: "",
      code: "",
      param: "",
      status: undefined,
    };
  }
  const nested = body["error"];
  const error: JsonObject = isJsonObject(nested) ? nested : body;
  const detail = isJsonObject(error["metadata"]) ? text(error["metadata"]["raw"]) : "";
  const message =
    (typeof nested === "string" ? nested : text(error["message"])) || detailText(body["detail"]);
  return {
    message: detail === "" ? message : `${message}: ${detail}`,
    type: text(error["type"]),
    code: text(error["code"]),
    param: text(error["param"]),
    status:
      httpStatus(error["status_code"]) ?? httpStatus(error["status"]) ?? httpStatus(error["code"]),
  };
}

const WORD_RULES: readonly (readonly [RegExp, FailureKind])[] = [
  [
    /invalid_api_key|authentication_error|incorrect api key|invalid api key|unauthorized/,
    "upstream_auth",
  ],
  [/insufficient_quota|billing|insufficient (?:balance|credits)|payment/, "billing"],
  [/context_length|maximum context|context window|too_many_prompt_tokens/, "too_long"],
  [/prompt (?:is )?too long|total length of all messages is too long/, "too_long"],
  [/model_not_found|deploymentnotfound|model .{0,80}(?:does not exist|not found)/, "unknown_model"],
  [/rate_?limit/, "rate_limited"],
  [/overloaded|server_is_overloaded/, "overloaded"],
];

const KIND_BY_STATUS: Readonly<Record<number, FailureKind>> = {
  401: "upstream_auth",
  402: "billing",
  403: "forbidden",
  404: "not_found",
  408: "timeout",
  413: "too_large",
  429: "rate_limited",
  500: "internal",
  502: "bad_gateway",
  503: "overloaded",
  504: "timeout",
  529: "overloaded",
};

// Words override a status only where hosts are known to answer that cause with that status.
const STATUSES_BY_KIND: Readonly<Partial<Record<FailureKind, readonly number[]>>> = {
  upstream_auth: [400, 401, 403],
  billing: [400, 402, 403, 429],
  too_long: [400, 413, 422],
  unknown_model: [400, 403, 404],
  rate_limited: [400, 403, 429],
  overloaded: [429, 500, 502, 503],
};

function kindOf(status: number | undefined, fields: ErrorFields): FailureKind {
  const words = `${fields.code} ${fields.type} ${fields.message}`.toLowerCase();
  for (const [pattern, kind] of WORD_RULES) {
    if (!pattern.test(words)) continue;
    if (status === undefined || STATUSES_BY_KIND[kind]?.includes(status)) return kind;
  }
  if (status === undefined) {
    if (/invalid_request|bad_?request/.test(words)) return "bad_request";
    return /server_error|internal/.test(words) ? "internal" : "bad_gateway";
  }
  const known = KIND_BY_STATUS[status];
  if (known) return known;
  if (status >= 500) return "internal";
  return status >= 400 ? "bad_request" : "bad_gateway";
}

function withoutSecrets(message: string): string {
  return message
    .replace(/\b(?:sk-|org-|proj_|gsk_|xai-|Bearer )[\w*.-]*/g, "[redacted]")
    .slice(0, MAX_MESSAGE_CHARS);
}

function failureOf(status: number | undefined, body: Json): Failure {
  const fields = errorFields(body);
  const kind = kindOf(status, fields);
  if (kind === "upstream_auth") return { kind, message: AUTH_MESSAGE, code: "upstream_auth" };
  const fallback =
    status === undefined
      ? "the upstream reported an error without a message"
      : `the upstream answered ${status} without an error message`;
  const isPlainBadRequest = kind === "bad_request" && status !== undefined && status >= 400;
  return {
    kind,
    message: fields.message === "" ? fallback : withoutSecrets(fields.message),
    ...(fields.code !== "" && !/^\d+$/.test(fields.code) && { code: fields.code }),
    ...(fields.param !== "" && { param: fields.param }),
    ...(isPlainBadRequest && status !== 400 && { status }),
  };
}

/** What went wrong, from an upstream's status and body (text when it is no JSON). Never throws. */
export function decodeError(status: number, body: Json): Failure {
  const inside = status < 300 ? errorFields(body).status : undefined;
  return failureOf(inside ?? status, body);
}

/** The same for an error inside a stream, where only the body can hold a status. */
export function decodeStreamError(body: Json): Failure {
  return failureOf(errorFields(body).status, body);
}

/** True when a reply body or stream chunk is a failure in disguise. */
export function isErrorBody(body: JsonObject): boolean {
  if (body["error"] !== undefined && body["error"] !== null) return true;
  if (Array.isArray(body["choices"])) return false;
  return body["object"] === "error" || body["detail"] !== undefined;
}

interface Envelope {
  readonly status: number;
  readonly type: string;
  readonly code?: string;
  readonly param?: string;
}

const ENVELOPES: Readonly<Record<FailureKind, Envelope>> = {
  bad_request: { status: 400, type: "invalid_request_error" },
  too_long: { status: 400, type: "invalid_request_error", code: "context_length_exceeded" },
  unauthenticated: { status: 401, type: "invalid_request_error", code: "invalid_api_key" },
  upstream_auth: { status: 502, type: "server_error", code: "upstream_auth" },
  billing: { status: 429, type: "insufficient_quota", code: "insufficient_quota" },
  forbidden: { status: 403, type: "invalid_request_error", code: "permission_denied" },
  not_found: { status: 404, type: "invalid_request_error" },
  unknown_model: {
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    param: "model",
  },
  too_large: { status: 413, type: "invalid_request_error", code: "request_too_large" },
  rate_limited: { status: 429, type: "rate_limit_exceeded", code: "rate_limit_exceeded" },
  internal: { status: 500, type: "server_error" },
  bad_gateway: { status: 502, type: "server_error" },
  overloaded: { status: 503, type: "server_error", code: "server_is_overloaded" },
  timeout: { status: 504, type: "server_error", code: "timeout" },
};

/** OpenAI's status and error envelope; all four members are always present. */
export function encodeError(failure: Failure): { status: number; body: JsonObject } {
  const { status, type, code, param } = ENVELOPES[failure.kind];
  return {
    status: failure.status ?? status,
    body: {
      error: {
        message: failure.message,
        type,
        param: failure.param ?? param ?? null,
        code: code ?? failure.code ?? null,
      },
    },
  };
}

/** The SSE text of a failure: an error chunk with no `[DONE]` after it. */
export function encodeStreamError(failure: Failure): string {
  return `data: ${JSON.stringify(encodeError(failure).body)}\n\n`;
}
