// Google's RPC errors, whole or in mid-stream. Refuses to pass on what an upstream says about a credential.

import type { Failure, FailureKind, Json, JsonObject } from "#wire";
import { isJsonObject } from "#wire";
import { KIND_BY_STATUS } from "../status-kinds.ts";

/** Longest upstream message handed on, in characters; the rest is cut. */
export const MAX_MESSAGE_CHARS = 2_000;

/** Longest pause that is believed; a day's quota is no reason to wait longer than a day. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1_000;

const KEY_FRAGMENT = /\bAIza[\w-]{6,}|\b(?:sk|pk|key|api)[-_][A-Za-z0-9_*.-]{6,}/gi;
const TOO_LONG =
  /exceeds the maximum number of tokens|input token count|context (?:window|length)/i;
const NO_MONEY = /credits? (?:are|is|have been) depleted|billing (?:account|is) (?:not|disabled)/i;
const REFUSED_CREDENTIAL = "the upstream refused the gateway's credential";

/** Reasons of google.rpc.ErrorInfo that mean the key or its project, whatever the status says. */
const CREDENTIAL_REASON =
  /^(?:API_KEY_|ACCESS_TOKEN_|ACCOUNT_STATE_|CREDENTIALS_|CONSUMER_|SERVICE_DISABLED|USER_PROJECT_DENIED)/;

const KIND_BY_WORD: ReadonlyMap<string, FailureKind> = new Map([
  ["INVALID_ARGUMENT", "bad_request"],
  ["FAILED_PRECONDITION", "bad_request"],
  ["OUT_OF_RANGE", "bad_request"],
  ["UNIMPLEMENTED", "bad_request"],
  ["UNAUTHENTICATED", "upstream_auth"],
  ["PERMISSION_DENIED", "forbidden"],
  ["NOT_FOUND", "not_found"],
  ["RESOURCE_EXHAUSTED", "rate_limited"],
  ["ABORTED", "overloaded"],
  ["UNAVAILABLE", "overloaded"],
  ["DEADLINE_EXCEEDED", "timeout"],
  ["INTERNAL", "internal"],
  ["UNKNOWN", "internal"],
  ["DATA_LOSS", "internal"],
]);

function errorOf(body: Json): JsonObject {
  // A stream that was not asked for as SSE is a list, and so is its error.
  const value = Array.isArray(body) ? body.find(isJsonObject) : body;
  if (!isJsonObject(value)) return {};
  return isJsonObject(value.error) ? value.error : value;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function detailsOf(error: JsonObject, type: string): readonly JsonObject[] {
  const details = Array.isArray(error.details) ? error.details.filter(isJsonObject) : [];
  return details.filter((detail) => text(detail["@type"]).endsWith(`google.rpc.${type}`));
}

/** `RetryInfo`: seconds with a fraction, as `48.9s`. */
function retryAfterMs(error: JsonObject): number | undefined {
  const delay = text(detailsOf(error, "RetryInfo")[0]?.retryDelay);
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1];
  if (seconds === undefined) return undefined;
  return Math.min(Math.ceil(Number(seconds) * 1_000), MAX_RETRY_AFTER_MS);
}

function kindOf(status: number, error: JsonObject, message: string): FailureKind {
  const reasons = detailsOf(error, "ErrorInfo").map((detail) => text(detail.reason));
  if (reasons.some((reason) => CREDENTIAL_REASON.test(reason))) return "upstream_auth";
  if (NO_MONEY.test(message)) return "billing";
  const byStatus =
    KIND_BY_STATUS.get(status) ?? (status >= 400 && status < 500 ? "bad_request" : "bad_gateway");
  const kind = KIND_BY_WORD.get(text(error.status)) ?? byStatus;
  if (kind === "bad_request" && TOO_LONG.test(message)) return "too_long";
  if (kind === "bad_request" && /API key/i.test(message)) return "upstream_auth";
  return kind === "not_found" && /\bmodels?\b/i.test(message) ? "unknown_model" : kind;
}

/** An upstream's error body → what went wrong. `status` 0 means: inside a stream. */
export function decodeError(status: number, body: Json): Failure {
  const error = errorOf(body);
  const code = typeof error.code === "number" ? error.code : status;
  const message = text(error.message) || text(isJsonObject(body) ? body.error : undefined);
  const kind = kindOf(status >= 400 ? status : code, error, message);
  const waitMs = retryAfterMs(error);
  const rest = waitMs === undefined ? {} : { retryAfterMs: waitMs };
  if (kind === "upstream_auth") return { kind, message: REFUSED_CREDENTIAL, ...rest };
  const told = message.slice(0, MAX_MESSAGE_CHARS).replace(KEY_FRAGMENT, "[key]");
  const fallback =
    status === 0 ? "the upstream reported an error" : `the upstream answered ${status}`;
  return { kind, message: told === "" ? fallback : told, ...rest };
}
