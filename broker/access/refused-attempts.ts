// Tells the audit log of failed authentications: the first from an address at once, the rest summed up each minute.
// Refuses to let an attacker fill the disk: however many try from wherever, a minute makes a bounded number of records.

import { addressGroup } from "./auth-failures.ts";
import type { AuditEvent } from "./audit-event.ts";

/** How often attempts are summed up, in ms. */
export const SUMMARY_EVERY_MS = 60_000;
/** Most addresses that are recorded one by one in a minute; the others make one record together. */
export const MAX_RECORDED_ADDRESSES = 50;

const OTHERS = "other addresses";

/** Turns failed authentications into audit events. */
export class RefusedAttempts {
  readonly #record: (event: AuditEvent) => void;
  // How many came after the one that was recorded at once.
  readonly #further = new Map<string, number>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(record: (event: AuditEvent) => void) {
    this.#record = record;
  }

  /** Notes one attempt; `reason` is a few words of ours. */
  note({
    address,
    reason,
    requestId,
  }: {
    address: string | undefined;
    reason: string;
    requestId?: string | undefined;
  }): void {
    const group = addressGroup(address);
    this.#timer ??= setInterval(() => this.sumUp(), SUMMARY_EVERY_MS).unref();
    const isFull = this.#further.size >= MAX_RECORDED_ADDRESSES && !this.#further.has(group);
    const key = isFull ? OTHERS : group;
    const further = this.#further.get(key);
    this.#further.set(key, further === undefined ? (isFull ? 1 : 0) : further + 1);
    if (further !== undefined || isFull) return;
    this.#record({
      ...refusedAt(group),
      detail: reason,
      ...(requestId !== undefined && { requestId }),
    });
  }

  /** Records what was only counted so far, and begins anew. */
  sumUp(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const [key, count] of this.#further) {
      if (count > 0) this.#record({ ...refusedAt(key), detail: `${count} more within a minute` });
    }
    this.#further.clear();
  }
}

function refusedAt(address: string): Pick<AuditEvent, "actor" | "action" | "outcome"> {
  return { actor: address, action: "auth.refused", outcome: "refused" };
}
