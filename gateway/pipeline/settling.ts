// Collects what becomes of one request and tells it once, whoever ends it: the last byte, a caller who left, a
// refusal. Refuses to tell twice.

import type { FailureKind, FormatId, Usage } from "#wire";
import type { GatewayError } from "../errors.ts";
import type { CatalogModel } from "../models/catalog.ts";
import type { Ticket } from "./admission.ts";
import { MAX_REQUEST_ID_CHARS } from "./client-request-id.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import { attemptFailure, keptCode } from "./attempt-failure.ts";
import type { ObserveSettlement, SettledAttempt, Settlement } from "./settlement.ts";

interface Tried {
  readonly target: CatalogModel;
  readonly lease: Lease;
  readonly to: FormatId;
}

/** A way of which more becomes known. */
type OpenAttempt = { -readonly [Name in keyof SettledAttempt]: SettledAttempt[Name] };

/** What nginx writes down for a caller who left before the answer; never sent. */
const CLIENT_GONE = 499;

/** Header under which the callers' side of a call shows the upstream's id of it. */
const UPSTREAM_ID = "x-upstream-request-id";

/** Who hears of it. */
export interface SettlingParts {
  readonly observers: readonly ObserveSettlement[];
  readonly nowMs: () => number;
}

/** The account of one request, open until it is over. */
export class Settling {
  readonly #exchange: Exchange;
  readonly #parts: SettlingParts;
  #asked = { model: "", isStream: false };
  #ticket: Ticket | undefined;
  #tried: Tried | undefined;
  readonly #attempts: OpenAttempt[] = [];
  #firstByteMs: number | undefined;
  #status = 200;
  #end: Pick<Settlement, "outcome" | "usage" | "failureKind"> | undefined;
  #isOver = false;

  constructor(exchange: Exchange, parts: SettlingParts) {
    this.#exchange = exchange;
    this.#parts = parts;
  }

  /** What the caller asked for. */
  asks({ model, isStream }: { model: string; isStream: boolean }): void {
    this.#asked = { model, isStream };
  }

  /** The request was let in. */
  admitted(ticket: Ticket): void {
    this.#ticket = ticket;
  }

  /** True once an upstream was asked. */
  get hasTried(): boolean {
    return this.#tried !== undefined;
  }

  /** A way is tried. */
  tries(tried: Tried): void {
    this.#tried = tried;
    const { target, lease, to } = tried;
    const credential =
      lease.credentialId === undefined ? lease.source : `${lease.source} ${lease.credentialId}`;
    this.#exchange.trail.push(`try ${target.id} as ${to} with credential ${credential}`);
    this.#exchange.trace?.beginAttempt();
    this.#attempts.push({
      model: target.id,
      provider: target.provider.id,
      upstreamModel: target.model.id,
      format: to,
      keySource: lease.source,
      ...(lease.credentialId !== undefined && { credentialId: lease.credentialId }),
      beganMs: this.#elapsedMs(),
    });
  }

  /** The way that is tried has failed before its first byte. */
  fails(error: GatewayError): void {
    const attempt = this.#attempts.at(-1);
    if (!attempt || attempt.failure) return;
    const failure = attemptFailure(error);
    attempt.failure = failure;
    attempt.decidedMs = this.#elapsedMs();
    keepUpstreamId(attempt, error.headers[UPSTREAM_ID]);
    const answered = failure.status === undefined ? "" : ` with ${failure.status}`;
    this.#exchange.trail.push(`${attempt.model} failed${answered}: ${failure.code}`);
  }

  /** The answer has begun. */
  begins({ status, headers }: Pick<Response, "status" | "headers">): void {
    this.#status = status;
    this.#firstByteMs = this.#elapsedMs();
    const attempt = this.#attempts.at(-1);
    // An answer of our own (an estimated count) needs no way.
    if (attempt) {
      attempt.decidedMs = this.#firstByteMs;
      keepUpstreamId(attempt, headers.get(UPSTREAM_ID) ?? undefined);
    }
    if (this.#end) this.#tellEnd(this.#end);
  }

  /** The answer is over; of a whole one this is known before it begins. */
  ends(outcome: Outcome, usage: Usage | undefined, failureKind?: FailureKind): void {
    this.#end = { outcome, ...(usage && { usage }), ...(failureKind && { failureKind }) };
    if (this.#firstByteMs !== undefined) this.#tellEnd(this.#end);
  }

  /** No answer began; without a GatewayError it is a failure of ours. */
  refuse(error: GatewayError | undefined): void {
    if (this.#exchange.signal.aborted) {
      return this.#tell({ outcome: "refused", status: CLIENT_GONE, code: "client_gone" });
    }
    const status = error ? this.#exchange.format.encodeError(error.failure, "").status : 500;
    this.#tell({ outcome: "refused", status, code: error ? keptCode(error) : "internal" });
  }

  #tellEnd(end: Pick<Settlement, "outcome" | "usage" | "failureKind">): void {
    this.#tell({ ...end, status: this.#status });
  }

  #tell(end: Pick<Settlement, "outcome" | "status" | "usage" | "code" | "failureKind">): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const settlement = this.#settlement(end);
    this.#exchange.release();
    this.#ticket?.settle(settlement);
    for (const observe of this.#parts.observers) observe(settlement);
  }

  #settlement(
    end: Pick<Settlement, "outcome" | "status" | "usage" | "code" | "failureKind">,
  ): Settlement {
    const { id, clientId, trace, caller, format, endpoint, startedAtMs, trail } = this.#exchange;
    const tried = this.#tried;
    const credentialId = tried?.lease.credentialId;
    return {
      requestId: id,
      ...(clientId !== undefined && { clientRequestId: clientId }),
      ...(trace && { trace }),
      caller,
      format: format.id,
      ...(endpoint && { endpoint }),
      isStream: this.#asked.isStream,
      asked: this.#asked.model,
      startedAtMs,
      elapsedMs: this.#elapsedMs(),
      trail,
      attempts: this.#attempts,
      ...(tried && {
        model: tried.target,
        upstreamFormat: tried.to,
        keySource: tried.lease.source,
      }),
      ...(credentialId !== undefined && { credentialId }),
      ...(this.#firstByteMs !== undefined && { firstByteMs: this.#firstByteMs }),
      ...end,
    };
  }

  #elapsedMs(): number {
    return this.#parts.nowMs() - this.#exchange.startedAtMs;
  }
}

function keepUpstreamId(attempt: OpenAttempt, id: string | undefined): void {
  if (id !== undefined) attempt.upstreamRequestId = id.slice(0, MAX_REQUEST_ID_CHARS);
}
