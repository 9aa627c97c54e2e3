// What may be kept of an upstream's refusal. Its words explain a fail-over days later; but a refusal of the
// request itself quotes the request, and nothing of a prompt is kept.

import { OutboundError, redact } from "#platform";
import type { FailureKind } from "#wire";
import type { GatewayError } from "../errors.ts";
import { UpstreamRefused } from "./dispatch.ts";
import type { AttemptFailure } from "./settlement.ts";

/** Longest kept reason, in characters. */
export const MAX_REASON_CHARS = 200;

/** Failures of an account, or of a host as a whole: what is said of them says nothing of the request. */
const NOT_ABOUT_THE_REQUEST: ReadonlySet<FailureKind> = new Set([
  "upstream_auth",
  "billing",
  "rate_limited",
  "overloaded",
  "timeout",
]);
const CODE = /^[\w.:-]{1,64}$/;

/** The record of a way that failed. */
export function attemptFailure(error: GatewayError): AttemptFailure {
  const { kind, message } = error.failure;
  const isKept = NOT_ABOUT_THE_REQUEST.has(kind) || error.cause instanceof OutboundError;
  return {
    kind,
    code: keptCode(error),
    ...(error instanceof UpstreamRefused && { status: error.status }),
    ...(isKept && { reason: redact(message).slice(0, MAX_REASON_CHARS) }),
  };
}

/** The machine word of a failure; what is no word is a sentence of somebody's, and its kind stands for it. */
export function keptCode({ code, failure }: GatewayError): string {
  return CODE.test(code) ? redact(code) : failure.kind;
}
