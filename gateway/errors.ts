// Every error the gateway throws on purpose. Each carries a Failure, so that one place
// (formats/*.encodeError) turns it into the caller's dialect. Messages here are shown to callers.

import type { Failure, FailureKind } from "#wire";

/** An error whose message is safe to show to the caller, in any dialect. */
export class GatewayError extends Error {
  readonly code: string;
  readonly failure: Failure;
  /** Headers worth passing on: retry-after and its kin. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(failure: Failure, { cause, headers = {} }: GatewayErrorOptions = {}) {
    super(failure.message, { cause });
    this.name = new.target.name;
    this.code = failure.code ?? failure.kind;
    this.failure = failure;
    this.headers = { ...retryAfter(failure), ...headers };
  }
}

// Google says in the body what others say in the header that clients read.
function retryAfter({ retryAfterMs }: Failure): Readonly<Record<string, string>> {
  if (retryAfterMs === undefined) return {};
  return { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) };
}

interface GatewayErrorOptions {
  readonly cause?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The caller's body is malformed or asks for what cannot be done; `param` is the JSON path. */
export class InvalidRequest extends GatewayError {
  constructor(
    message: string,
    {
      code = "invalid_value",
      param,
      kind = "bad_request",
      cause,
    }: { code?: string; param?: string | undefined; kind?: FailureKind; cause?: unknown } = {},
  ) {
    super({ kind, message, code, ...(param !== undefined && { param }) }, { cause });
  }
}

/** A request field this dialect does not have, or that cannot cross to the chosen upstream. */
export class UnsupportedParameter extends InvalidRequest {
  constructor(param: string, reason: string, { code = "unsupported_parameter" } = {}) {
    super(`${param}: ${reason}`, { code, param });
  }
}

/** The upstream answered with a failure, or with something that is no answer. */
export class UpstreamFailed extends GatewayError {}
