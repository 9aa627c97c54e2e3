// Error envelopes of the Messages dialect, read from any host that speaks it and written for callers.
// Refuses to pass on what an upstream says about a credential: providers quote parts of the key.

import type { Failure, FailureKind, Json, JsonObject } from "#wire";
import { isJsonObject } from "#wire";
import { KIND_BY_STATUS } from "../status-kinds.ts";

/** Longest upstream message handed on, in characters; the rest is cut. */
export const MAX_MESSAGE_CHARS = 2_000;

const KEY_FRAGMENT = /\b(?:sk|pk|key|api)[-_][A-Za-z0-9_*.-]{6,}/gi;
const TOO_LONG = /prompt is too long|context (?:window|length)|input is too long/i;
const NO_MONEY = /credit balance is too low/i;
const REFUSED_CREDENTIAL = "the upstream refused the gateway's credential";

const KIND_BY_TYPE: ReadonlyMap<string, FailureKind> = new Map([
  ["invalid_request_error", "bad_request"],
  ["authentication_error", "upstream_auth"],
  ["billing_error", "billing"],
  ["permission_error", "forbidden"],
  ["not_found_error", "not_found"],
  ["request_too_large", "too_large"],
  ["rate_limit_error", "rate_limited"],
  ["timeout_error", "timeout"],
  ["api_error", "internal"],
  ["overloaded_error", "overloaded"],
]);

const ENVELOPE: Readonly<Record<FailureKind, readonly [status: number, type: string]>> = {
  bad_request: [400, "invalid_request_error"],
  too_long: [400, "invalid_request_error"],
  unauthenticated: [401, "authentication_error"],
  upstream_auth: [502, "api_error"],
  billing: [402, "billing_error"],
  forbidden: [403, "permission_error"],
  not_found: [404, "not_found_error"],
  unknown_model: [404, "not_found_error"],
  too_large: [413, "request_too_large"],
  rate_limited: [429, "rate_limit_error"],
  internal: [500, "api_error"],
  bad_gateway: [502, "api_error"],
  overloaded: [529, "overloaded_error"],
  timeout: [504, "timeout_error"],
};

/** The machine word and the message of an error body, wherever the host put them. */
function wordsOf(given: Json): { type: string; message: string } {
  // Google's front, before Claude at Vertex AI, may answer a stream with a list of one.
  const body = Array.isArray(given) ? (given[0] ?? null) : given;
  if (!isJsonObject(body)) return { type: "", message: "" };
  const error = isJsonObject(body.error) ? body.error : body;
  const message = [error.message, body.error, body.message, body.detail].find(
    (value) => typeof value === "string" && value !== "",
  );
  return {
    type: typeof error.type === "string" ? error.type : "",
    message: typeof message === "string" ? message : "",
  };
}

function kindOf(status: number, type: string, message: string): FailureKind {
  if (NO_MONEY.test(message)) return "billing";
  const byStatus =
    KIND_BY_STATUS.get(status) ?? (status >= 400 && status < 500 ? "bad_request" : "bad_gateway");
  const kind = KIND_BY_TYPE.get(type) ?? byStatus;
  if (kind === "bad_request" && TOO_LONG.test(message)) return "too_long";
  if (kind === "not_found" && /^(?:publisher )?model\b/i.test(message)) return "unknown_model";
  // `api_error` is also what gateways in between say; their status tells more.
  return kind === "internal" && KIND_BY_STATUS.has(status) ? byStatus : kind;
}

/** An upstream's error body → what went wrong. `status` 0 means: an error event inside a stream. */
export function decodeError(status: number, body: Json): Failure {
  const { type, message } = wordsOf(body);
  const kind = kindOf(status, type, message);
  if (kind === "upstream_auth") return { kind, message: REFUSED_CREDENTIAL };
  const told = message.slice(0, MAX_MESSAGE_CHARS).replace(KEY_FRAGMENT, "[key]");
  const fallback =
    status === 0 ? "the upstream reported an error" : `the upstream answered ${status}`;
  return {
    kind,
    message: told === "" ? fallback : told,
    ...(kind === "bad_request" && (status === 409 || status === 422) && { status }),
  };
}

/** `type` and `message` of the dialect. The dialect has no `param`, so the message names the path. */
export function encodeErrorObject(failure: Failure): { type: string; message: string } {
  const [, type] = ENVELOPE[failure.kind];
  let message = failure.message;
  if (failure.param !== undefined && !message.includes(failure.param)) {
    message = `${failure.param}: ${message}`;
  }
  // Agents compact their history when they read exactly these words.
  if (failure.kind === "too_long" && !/prompt is too long/i.test(message)) {
    message = `prompt is too long: ${message}`;
  }
  return { type, message };
}

/** Status and envelope for the caller. */
export function encodeError(
  failure: Failure,
  requestId: string,
): { status: number; body: JsonObject } {
  const [status] = ENVELOPE[failure.kind];
  return {
    status: failure.kind === "bad_request" ? (failure.status ?? status) : status,
    body: { type: "error", error: encodeErrorObject(failure), request_id: requestId },
  };
}
