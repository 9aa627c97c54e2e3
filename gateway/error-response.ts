// The one place where an error becomes an HTTP answer: status and envelope in the caller's dialect, no host
// path, no stack, no fragment of an upstream key.

import { redact, type Logger } from "#platform";
import { isJsonObject, parseJson, type Failure } from "#wire";
import { GatewayError, UpstreamFailed } from "./errors.ts";
import type { CallerFormat } from "./formats/format.ts";
import { requestIdHeaders } from "./pipeline/crossing-headers.ts";
import { UpstreamRefused } from "./pipeline/dispatch.ts";
import { rateLimitsFor } from "./pipeline/rate-limit-headers.ts";

/** Answers `error` to a caller of `format`; anything unexpected is logged and shown as an internal error. */
export function errorResponse(
  error: unknown,
  { format, requestId, log }: { format: CallerFormat; requestId: string; log: Logger },
): Response {
  const headers = {
    ...requestIdHeaders(requestId),
    ...(error instanceof GatewayError && limitsOf(error, format)),
    // Clients retry a 502; this one needs its operator first.
    ...(isOperatorsTrouble(error) && { "x-should-retry": "false" }),
  };
  if (error instanceof UpstreamRefused && passesAsIs(error, format)) {
    log.info("the upstream refused", {
      requestId,
      status: error.status,
      reason: error.failure.message,
    });
    return new Response(error.body, {
      status: error.status,
      headers: { ...headers, "content-type": "application/json" },
    });
  }
  if (!(error instanceof GatewayError))
    log.error("request failed unexpectedly", { requestId, error });
  const failure = failureOf(error, format);
  const { status, body } = format.encodeError(failure, requestId);
  log[status >= 500 ? "warn" : "info"]("request refused", {
    requestId,
    status,
    reason: failure.message,
  });
  return Response.json(body, { status, headers });
}

// What the caller's own vendor says passes as it is.
function limitsOf(error: GatewayError, format: CallerFormat): Readonly<Record<string, string>> {
  const isOwn = error instanceof UpstreamRefused && error.format === format.id;
  return isOwn ? error.headers : rateLimitsFor(format.id, error.headers, Date.now());
}

function isOperatorsTrouble(error: unknown): boolean {
  return error instanceof GatewayError && error.failure.kind === "upstream_auth";
}

function failureOf(error: unknown, format: CallerFormat): Failure {
  if (!(error instanceof GatewayError)) {
    return { kind: "internal", message: "The gateway failed; its log has the details." };
  }
  if (!(error instanceof UpstreamFailed)) return error.failure;
  const { param, code, message, ...failure } = error.failure;
  // A path in the body the upstream got is no path in the body the caller wrote.
  const isForeign = error instanceof UpstreamRefused && error.format !== format.id;
  return {
    ...failure,
    message: redact(message),
    ...(code !== undefined && { code: redact(code) }),
    ...(param !== undefined && !isForeign && { param }),
  };
}

// Coding agents match the vendor's wording, so an error in the caller's own dialect goes through whole; but
// vendors echo keys in authentication errors, and a rejected credential is the gateway's trouble anyway.
function passesAsIs(error: UpstreamRefused, format: CallerFormat): boolean {
  return (
    error.format === format.id &&
    error.failure.kind !== "upstream_auth" &&
    error.body.startsWith("{") &&
    (format.id !== "messages" || isMessagesEnvelope(error.body))
  );
}

// A cloud's front may refuse in its own words what it serves in Anthropic's, which their clients cannot read.
function isMessagesEnvelope(text: string): boolean {
  try {
    const body = parseJson(text);
    return isJsonObject(body) && body["type"] === "error";
  } catch {
    return false;
  }
}
