// A settled request as a row of the ledger: counts, names and times. Nothing of a prompt, no key.

import type { Settlement } from "../pipeline/settlement.ts";
import { costNanoUsd } from "../pricing/price.ts";
import type { PriceOf } from "../pricing/prices.ts";

/** The columns of a row, in the order of LEDGER_COLUMNS. */
export type LedgerRow = Readonly<Record<(typeof LEDGER_COLUMNS)[number], string | number | null>>;

/** Names of the columns. */
export const LEDGER_COLUMNS = [
  "request_id",
  "at_ms",
  "key_id",
  "key_name",
  "format",
  "upstream_format",
  "provider",
  "model",
  "credential_id",
  "key_source",
  "outcome",
  "status",
  "code",
  "is_stream",
  "input",
  "cache_read",
  "cache_write",
  "cache_write_1h",
  "output",
  "reasoning",
  "service_tier",
  "is_estimated",
  "cost_nano_usd",
  "first_byte_ms",
  "elapsed_ms",
] as const;

/** The row; its cost is null where it is not known exactly. */
export function ledgerRow(settlement: Settlement, priceOf: PriceOf): LedgerRow {
  const { caller, model, usage, startedAtMs, firstByteMs, elapsedMs } = settlement;
  return {
    request_id: settlement.requestId,
    at_ms: Math.round(startedAtMs),
    key_id: caller.id,
    key_name: caller.name,
    format: settlement.format,
    upstream_format: settlement.upstreamFormat ?? null,
    provider: model?.provider.id ?? null,
    model: model?.model.id ?? null,
    credential_id: settlement.credentialId ?? null,
    key_source: settlement.keySource ?? null,
    outcome: settlement.outcome,
    status: settlement.status,
    code: settlement.code ?? null,
    is_stream: settlement.isStream ? 1 : 0,
    input: whole(usage?.input),
    cache_read: whole(usage?.cacheRead),
    cache_write: whole(usage?.cacheWrite),
    cache_write_1h: whole(usage?.cacheWrite1h),
    output: whole(usage?.output),
    reasoning: whole(usage?.reasoning),
    service_tier: usage?.serviceTier ?? null,
    is_estimated: usage?.isEstimated ? 1 : 0,
    cost_nano_usd: model && usage ? costNanoUsd(priceOf(model), usage) : null,
    first_byte_ms: firstByteMs === undefined ? null : Math.round(firstByteMs),
    elapsed_ms: Math.round(elapsedMs),
  };
}

// One host that reports a half token must not make the whole batch of rows fail.
function whole(count: number | undefined): number | null {
  return count !== undefined && Number.isSafeInteger(count) ? count : null;
}
