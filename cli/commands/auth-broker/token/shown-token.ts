// A client's token as `--json` shows it: what it may do and when it was used, never the token or its hash.

import type { ClientTokenSummary } from "#broker";

/** The fields that scripts may rely on; times in ms since the epoch. */
export function shownToken(summary: ClientTokenSummary) {
  const { isLeaseOnly, ...rest } = summary;
  return { ...rest, leaseOnly: isLeaseOnly };
}
