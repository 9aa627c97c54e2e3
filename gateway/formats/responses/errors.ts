// Failures ⇄ the error bodies of this dialect and of the hosts that imitate it.
// Never lets a provider's text about our credential through: providers echo fragments of keys.

import { type Failure, type FailureKind, isJsonObject, type Json, type JsonObject } from "#wire";
import { stringAt } from "./fields.ts";
import { KIND_BY_STATUS } from "../status-kinds.ts";

interface ErrorForm {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  /** True when `code` is what clients switch on, so the failure's own code must not replace it. */
  readonly isCodeFixed?: true;
  readonly param?: string;
}

const INVALID = "invalid_request_error";

const FORMS: Readonly<Record<FailureKind, ErrorForm>> = {
  bad_request: { status: 400, type: INVALID, code: null },
  too_long: {
    status: 400,
    type: INVALID,
    code: "context_length_exceeded",
    isCodeFixed: true,
    param: "input",
  },
  unauthenticated: { status: 401, type: INVALID, code: "invalid_api_key", isCodeFixed: true },
  upstream_auth: { status: 502, type: "server_error", code: "upstream_auth", isCodeFixed: true },
  billing: {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    isCodeFixed: true,
  },
  forbidden: { status: 403, type: INVALID, code: "forbidden" },
  not_found: { status: 404, type: INVALID, code: "not_found" },
  unknown_model: {
    status: 400,
    type: INVALID,
    code: "model_not_found",
    isCodeFixed: true,
    param: "model",
  },
  too_large: { status: 413, type: INVALID, code: "request_too_large" },
  rate_limited: {
    status: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    isCodeFixed: true,
  },
  internal: { status: 500, type: "server_error", code: "server_error" },
  bad_gateway: { status: 502, type: "server_error", code: "server_error" },
  overloaded: {
    status: 503,
    type: "server_error",
    code: "server_is_overloaded",
    isCodeFixed: true,
  },
  timeout: { status: 504, type: "server_error", code: "timeout" },
};

/** What a caller is told when the upstream refused our credential, instead of the upstream's text. */
export const UPSTREAM_AUTH_MESSAGE = "the upstream refused the gateway's credential";

/** The inner `error` object of an envelope or an event. */
export function errorObject(failure: Failure): {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
} {
  const form = FORMS[failure.kind];
  return {
    message: failure.message,
    type: form.type,
    param: failure.param ?? form.param ?? null,
    code: form.isCodeFixed ? form.code : (failure.code ?? form.code),
  };
}

/** Status and body of a refused request. */
export function encodeError(failure: Failure): { status: number; body: JsonObject } {
  return {
    status: failure.status ?? FORMS[failure.kind].status,
    body: { error: errorObject(failure) },
  };
}

const KIND_BY_CODE = new Map<string, FailureKind>([
  ["context_length_exceeded", "too_long"],
  ["invalid_api_key", "upstream_auth"],
  ["authentication_error", "upstream_auth"],
  ["insufficient_quota", "billing"],
  ["billing_hard_limit_reached", "billing"],
  ["billing_not_active", "billing"],
  ["model_not_found", "unknown_model"],
  ["rate_limit_exceeded", "rate_limited"],
  ["rate_limit_error", "rate_limited"],
  ["server_is_overloaded", "overloaded"],
  ["slow_down", "overloaded"],
  ["overloaded_error", "overloaded"],
  ["permission_error", "forbidden"],
  ["server_error", "internal"],
  ["invalid_prompt", "bad_request"],
  [INVALID, "bad_request"],
]);

function kindOfStatus(status: number): FailureKind {
  const kind = KIND_BY_STATUS.get(status);
  if (kind) return kind;
  return status >= 400 && status < 500 ? "bad_request" : "bad_gateway";
}

const BAD_KEY = /(incorrect|invalid|wrong) api key|api key (is )?(invalid|not valid|incorrect)/i;
const TOO_LONG =
  /maximum context length|context (window|length)|prompt is too long|input is too long/i;
const NO_MODEL = /\bmodel\b.*\b(not found|does not exist|not exist|unknown)/i;
const KEY_FRAGMENT = /\b(sk|rk|pk|gsk|xai|key)-[\w*.-]{4,}|\bAIza[\w-]{8,}/g;

interface Told {
  readonly message: string | undefined;
  readonly code: string | undefined;
  readonly type: string | undefined;
  readonly param: string | undefined;
  /** HTTP status that some hosts repeat in the body (OpenRouter `code`, Groq `status_code`). */
  readonly status: number | undefined;
}

/** Gathers what any known host says, wherever it puts it. */
function tell(body: JsonObject): Told {
  const inner = body["error"];
  const error = isJsonObject(inner) ? inner : body;
  const code = error["code"];
  const type = stringAt(error, "type");
  const status = [code, error["status_code"]].find((value) => typeof value === "number");
  return {
    message:
      (typeof inner === "string" ? inner : undefined) ??
      stringAt(error, "message") ??
      textOf(body["detail"]) ??
      textOf(error["metadata"]),
    code: typeof code === "string" ? code : undefined,
    // In a flat event, `type` names the event.
    type: type === "error" ? undefined : type,
    param: stringAt(error, "param"),
    status: typeof status === "number" ? status : undefined,
  };
}

function textOf(detail: Json | undefined): string | undefined {
  if (detail === undefined || detail === null) return undefined;
  return typeof detail === "string" ? detail : JSON.stringify(detail).slice(0, 500);
}

function kindOf(told: Told, status: number | undefined): FailureKind {
  const message = told.message ?? "";
  const byCode = KIND_BY_CODE.get(told.code ?? "") ?? KIND_BY_CODE.get(told.type ?? "");
  const stated = status ?? told.status;
  const byStatus = stated === undefined ? undefined : kindOfStatus(stated);
  // `invalid_request_error` and `server_error` name nearly everything, so the status refines them.
  const isVague = byCode === undefined || byCode === "bad_request" || byCode === "internal";
  const kind = isVague ? (byStatus ?? byCode) : byCode;
  if ((kind === "bad_request" || kind === undefined) && BAD_KEY.test(message)) {
    return "upstream_auth";
  }
  if (kind === "bad_request" && TOO_LONG.test(message)) return "too_long";
  if (kind === "not_found" && (told.code === "model_not_found" || NO_MODEL.test(message))) {
    return "unknown_model";
  }
  return kind ?? "internal";
}

function failureOf(told: Told, status: number | undefined): Failure {
  const kind = kindOf(told, status);
  if (kind === "upstream_auth") return { kind, message: UPSTREAM_AUTH_MESSAGE };
  const message = told.message?.replace(KEY_FRAGMENT, "[key]") ?? "the upstream gave no reason";
  const code = told.code ?? told.type;
  return {
    kind,
    message,
    ...(code !== undefined && { code }),
    ...(told.param !== undefined && { param: told.param }),
    // 409, 415, 422 and the like say more than the 400 they would become.
    ...(kind === "bad_request" &&
      status !== undefined &&
      status > 400 &&
      status < 500 && { status }),
  };
}

/** An upstream's HTTP error; text instead of JSON means that something before the API answered. */
export function decodeError(status: number, body: Json): Failure {
  if (!isJsonObject(body)) {
    const kind = kindOfStatus(status);
    const isTelling = kind !== "bad_request" && kind !== "not_found";
    if (kind === "upstream_auth") return { kind, message: UPSTREAM_AUTH_MESSAGE };
    return {
      kind: isTelling ? kind : "bad_gateway",
      message: `the upstream answered ${status} without a JSON error`,
    };
  }
  if (status < 400) {
    return { kind: "bad_gateway", message: `the upstream answered ${status} instead of a reply` };
  }
  return failureOf(tell(body), status);
}

/** A failure inside an answer: `response.error`, or an `error` event, flat or nested. */
export function failureIn(body: JsonObject): Failure {
  return failureOf(tell(body), undefined);
}

/** The same of a whole event, which may hold the failed response. */
export function decodeStreamFailure(event: JsonObject): Failure {
  const { response } = event;
  return failureIn(isJsonObject(response) ? response : event);
}

/** An answer that breaks the dialect. */
export function badGateway(message: string): Failure {
  return { kind: "bad_gateway", message };
}
