// What became of a worker's requests, told to the primary together: rows of the ledger, lines of the access log, counts
// for the broker. A worker that is killed loses what waited, REPORT_EVERY_MS at most.

import { accessLine } from "../observability/access-log.ts";
import { ledgerRow } from "../ledger/ledger-row.ts";
import type { ObserveUse } from "../pipeline/observers.ts";
import type { ObserveSettlement, Settlement } from "../pipeline/settlement.ts";
import type { PriceOf } from "../pricing/prices.ts";
import type { Report } from "./protocol.ts";

/** Longest wait of a finished request, in ms. */
export const REPORT_EVERY_MS = 50;
/** Most requests of one report. */
export const MAX_REPORTED = 100;

/** What reports are made with. */
export interface ReportBatchOptions {
  readonly priceOf: PriceOf;
  /** False where no access log is kept. */
  readonly keepsLog: boolean;
  readonly send: (report: Report) => void;
}

/** Reports that wait. */
export class ReportBatch {
  readonly #options: ReportBatchOptions;
  #settled: Settlement[] = [];
  #uses: Report["uses"] = [];
  /** The last headers of each account. */
  readonly #limits = new Map<number, Headers>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ReportBatchOptions) {
    this.#options = options;
  }

  readonly record: ObserveSettlement = (settlement) => {
    this.#settled.push(settlement);
    if (this.#settled.length >= MAX_REPORTED) this.flush();
    else this.#soon();
  };

  readonly use: ObserveUse = (request) => {
    this.#uses.push(request);
    this.#soon();
  };

  readonly limits = (credentialId: number, headers: Headers): void => {
    this.#limits.set(credentialId, headers);
    this.#soon();
  };

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const settled = this.#settled;
    const uses = this.#uses;
    const limits = [...this.#limits].map(([credentialId, headers]) => ({
      credentialId,
      headers: [...headers],
    }));
    if (settled.length + uses.length + limits.length === 0) return;
    this.#settled = [];
    this.#uses = [];
    this.#limits.clear();
    const { priceOf, keepsLog, send } = this.#options;
    const rows = settled.map((settlement) => ledgerRow(settlement, priceOf));
    send({ rows, lines: keepsLog ? settled.map(accessLine) : [], uses, limits });
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.flush(), REPORT_EVERY_MS);
  }
}
