// What can go wrong with a model request, in words no wire format owns.
// Each format maps a kind to its own status and envelope; nothing here knows HTTP dialects.

/** Every cause a caller can be told about. Each dialect maps them in its errors.ts. */
export const FAILURE_KINDS = [
  "bad_request",
  "too_long",
  "unauthenticated",
  "upstream_auth",
  "billing",
  "forbidden",
  "not_found",
  "unknown_model",
  "too_large",
  "rate_limited",
  "internal",
  "bad_gateway",
  "overloaded",
  "timeout",
] as const;

/** One cause; see FAILURE_KINDS. */
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** A failure as it travels from an upstream, or from our own checks, to the caller's dialect. */
export interface Failure {
  readonly kind: FailureKind;
  /** Safe for the caller: no key fragment, no host path. */
  readonly message: string;
  /** Machine word of the dialect that produced it, e.g. `context_length_exceeded`. */
  readonly code?: string;
  /** JSON path of the offending field in the caller's own body. */
  readonly param?: string;
  /** How long the upstream asks to be left alone, where its body says so. */
  readonly retryAfterMs?: number;
  /** Exact status to answer with when an upstream set one that the kind's default would lose. */
  readonly status?: number;
}
