// What the ledger adds up: requests, tokens and cost by key, model, account or day. A cost that is not known is
// counted apart, never as zero.

import type { Database } from "#platform";

/** What sums can be made by. */
export const USAGE_GROUPS = ["key", "model", "account", "day"] as const;
/** One of USAGE_GROUPS. */
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** The sums of one group. */
export interface UsageSum {
  /** Name of the key, `provider/model`, `provider#credential` or the UTC day. */
  readonly group: string;
  readonly requests: number;
  /** Of them, refused before an answer began. */
  readonly refused: number;
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
  /** Of the requests whose cost is known; null when there are others only. */
  readonly costNanoUsd: number | null;
  /** Requests that were answered at a cost that is not known. */
  readonly unpriced: number;
}

/** How each group is named, in SQL. */
export const GROUP_EXPRESSIONS: Readonly<Record<UsageGroup, string>> = {
  // A name may be taken again after its key was revoked.
  key: "key_name || CASE key_id WHEN 'owner' THEN '' ELSE ' (' || key_id || ')' END",
  model: "coalesce(provider || '/' || model, 'none')",
  account: "coalesce(provider || '#' || coalesce(CAST(credential_id AS TEXT), key_source), 'none')",
  day: "strftime('%Y-%m-%d', at_ms / 1000, 'unixepoch')",
};

/** Which rows are summed: those from `sinceMs` on and before `untilMs`, in ms since the epoch. */
export interface UsageSumsOptions {
  readonly by: UsageGroup;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Of this key only. */
  readonly keyId?: string;
}

/** The sums, in the order of the groups' names. */
export function usageSums(
  database: Database,
  { by, sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, keyId }: UsageSumsOptions,
): UsageSum[] {
  return database
    .prepare<{ sinceMs: number; untilMs: number; keyId: string | null }, UsageSum>(
      `SELECT ${GROUP_EXPRESSIONS[by]} AS "group", count(*) AS requests,
         sum(outcome = 'refused') AS refused,
         coalesce(sum(input), 0) AS input, coalesce(sum(cache_read), 0) AS cacheRead,
         coalesce(sum(cache_write), 0) AS cacheWrite, coalesce(sum(output), 0) AS output,
         coalesce(sum(reasoning), 0) AS reasoning, sum(outcome <> 'refused' AND cost_nano_usd IS NULL) AS unpriced,
         CASE WHEN sum(outcome <> 'refused') = 0 THEN 0 ELSE sum(cost_nano_usd) END AS costNanoUsd
       FROM requests WHERE at_ms >= @sinceMs AND at_ms < @untilMs AND (@keyId IS NULL OR key_id = @keyId)
       GROUP BY 1 ORDER BY 1`,
    )
    .all({ sinceMs, untilMs, keyId: keyId ?? null });
}
