// Puts on record what was in flight in a worker that is gone, as far as the primary knows of it: the requests of keys
// with limits or budgets. What they used nobody knows, and nothing is guessed.

import { redact } from "#platform";
import { LEDGER_COLUMNS, type LedgerRow } from "../ledger/ledger-row.ts";
import type { AccessRecord } from "../observability/access-record.ts";
import type { LostClaim } from "./open-claims.ts";

/** Code of a request whose worker ended. */
export const WORKER_LOST = "worker_lost";
const STATUS = 502;

/** The ledger's row. */
export function lostRow({ claim, takenAtMs }: LostClaim, nowMs: number): LedgerRow {
  const { requestId, caller, format, model, isStream } = claim;
  const [provider = "", ...id] = model.split("/");
  const known: Partial<LedgerRow> = {
    request_id: requestId,
    at_ms: Math.round(takenAtMs),
    key_id: caller.id,
    key_name: caller.name,
    format,
    provider,
    model: id.join("/"),
    outcome: "cut",
    status: STATUS,
    code: WORKER_LOST,
    is_stream: isStream ? 1 : 0,
    is_estimated: 0,
    elapsed_ms: Math.round(nowMs - takenAtMs),
  };
  const empty = Object.fromEntries(LEDGER_COLUMNS.map((name) => [name, null]));
  return { ...empty, ...known } as LedgerRow;
}

/** The access log's line. */
export function lostLine({ claim, takenAtMs }: LostClaim, nowMs: number): string {
  const { requestId, caller, format, model, isStream } = claim;
  const record: AccessRecord = {
    requestId,
    caller: { id: caller.id, name: caller.name },
    format,
    isStream,
    asked: model,
    outcome: "cut",
    status: STATUS,
    code: WORKER_LOST,
    startedAtMs: takenAtMs,
    elapsedMs: nowMs - takenAtMs,
    trail: ["the process that served it ended; what it may have cost at most is booked"],
    attempts: [],
  };
  return redact(JSON.stringify(record));
}
