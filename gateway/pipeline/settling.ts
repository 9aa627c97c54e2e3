// Collects what becomes of one request and tells it once, whoever ends it: the last byte, a caller who left, a
// refusal. Refuses to tell twice.

import type { FormatId, Usage } from "#wire";
import type { GatewayError } from "../errors.ts";
import type { CatalogModel } from "../models/catalog.ts";
import type { Ticket } from "./admission.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import type { ObserveSettlement, Settlement } from "./settlement.ts";

interface Tried {
  readonly target: CatalogModel;
  readonly lease: Lease;
  readonly to: FormatId;
}

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
  #firstByteMs: number | undefined;
  #status = 200;
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

  /** A way is tried. */
  tries(tried: Tried): void {
    this.#tried = tried;
    const { target, lease, to } = tried;
    const key =
      lease.credentialId === undefined ? lease.source : `${lease.source} ${lease.credentialId}`;
    this.#exchange.trail.push(`try ${target.id} as ${to} with key ${key}`);
  }

  /** The answer has begun. */
  begins(status: number): void {
    this.#status = status;
    this.#firstByteMs = this.#elapsedMs();
  }

  /** The answer is over. */
  ends(outcome: Outcome, usage: Usage | undefined): void {
    this.#tell({ outcome, status: this.#status, ...(usage && { usage }) });
  }

  /** No answer began; without a GatewayError it is a failure of ours. */
  refuse(error: GatewayError | undefined): void {
    const status = error?.failure.status ?? 500;
    this.#tell({ outcome: "refused", status, code: error?.code ?? "internal" });
  }

  #tell(end: Pick<Settlement, "outcome" | "status" | "usage" | "code">): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const settlement = this.#settlement(end);
    this.#exchange.release();
    this.#ticket?.settle(settlement);
    for (const observe of this.#parts.observers) observe(settlement);
  }

  #settlement(end: Pick<Settlement, "outcome" | "status" | "usage" | "code">): Settlement {
    const { id, caller, format, startedAtMs, trail } = this.#exchange;
    const tried = this.#tried;
    const credentialId = tried?.lease.credentialId;
    return {
      requestId: id,
      caller,
      format: format.id,
      isStream: this.#asked.isStream,
      asked: this.#asked.model,
      startedAtMs,
      elapsedMs: this.#elapsedMs(),
      trail,
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
