// What an HTTP status means when an upstream's error body does not say more; the same in every dialect.

import type { FailureKind } from "#wire";

/** The failure behind a status; absent statuses are for the dialect to judge. */
export const KIND_BY_STATUS: ReadonlyMap<number, FailureKind> = new Map([
  [401, "upstream_auth"],
  [402, "billing"],
  [403, "forbidden"],
  [404, "not_found"],
  [408, "timeout"],
  [413, "too_large"],
  [429, "rate_limited"],
  [500, "internal"],
  [503, "overloaded"],
  [504, "timeout"],
  [529, "overloaded"],
]);
