// What the holder of a key is told when its rules do not let a request pass. The code is in the message's header too,
// because not every dialect has a place for one.

import { GatewayError } from "../errors.ts";
import type { FailureKind } from "#wire";

/** Response header with the code of a refusal by a rule. */
const REFUSAL_HEADER = "x-parley-refusal";

/** Longest wait that is told in seconds: beyond it clients should not wait but ask a person. */
const MAX_TOLD_SECONDS = 31 * 24 * 3_600;

/** A rule of the caller's key, or of the operator's policy, does not let the request pass. */
export class RuleRefusal extends GatewayError {
  constructor(
    kind: FailureKind,
    code: string,
    message: string,
    { retryAfterMs, isFinal = false }: { retryAfterMs?: number; isFinal?: boolean } = {},
  ) {
    const seconds =
      retryAfterMs === undefined
        ? undefined
        : Math.min(MAX_TOLD_SECONDS, Math.max(1, Math.ceil(retryAfterMs / 1_000)));
    super(
      { kind, code, message },
      {
        headers: {
          [REFUSAL_HEADER]: code,
          ...(seconds !== undefined && { "retry-after": String(seconds) }),
          ...(isFinal && { "x-should-retry": "false" }),
        },
      },
    );
  }
}

/** 403: not for this key, now or later. */
export function forbidden(code: string, message: string): RuleRefusal {
  return new RuleRefusal("forbidden", code, message, { isFinal: true });
}
