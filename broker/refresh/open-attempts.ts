// What becomes of an attempt on its way, ours or that of a process that died: its answer is stored, it is taken
// back before it was sent, or its answer is given up. Refuses to race a child that has sent and still lives.

import type { Clock } from "#platform";
import { z } from "zod";
import { parseJson } from "#wire";
import { livenessOf, ownIdentity, type ProcessIdentity } from "./process-identity.ts";
import type { RefreshAttempt, RefreshAttempts } from "./refresh-attempts.ts";
import { RefreshError } from "./refresh-error.ts";
import type { Settled, Settlement } from "./settlement.ts";
import type { Spool } from "./spool.ts";

/** How often an attempt of another process is looked at, in ms. */
const LOOK_AGAIN_MS = 50;

const Owner = z.object({
  place: z.string(),
  pid: z.int(),
  started: z.string(),
  instance: z.string(),
});

/** What watching attempts needs. */
export interface OpenAttemptsOptions {
  readonly attempts: RefreshAttempts;
  readonly settlement: Settlement;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Attempts of this and other processes. */
export class OpenAttempts {
  readonly #options: OpenAttemptsOptions;
  readonly #instance = crypto.randomUUID();
  readonly #firstSeenMs = new Map<string, number>();
  readonly #self = ownIdentity();

  constructor(options: OpenAttemptsOptions) {
    this.#options = options;
  }

  /** What an attempt of ours is signed with. */
  get owner(): string {
    return JSON.stringify({ ...this.#self, instance: this.#instance });
  }

  /**
   * Resolves when the attempt is over, whoever ended it; one of ours must have nobody at it any more. That it was
   * never sent counts as a failure for the reason `unsent`, if there is one. Throws RefreshError
   * `provider_unreachable` when it is still on its way after `waitMs`.
   */
  async finish(
    attempt: RefreshAttempt,
    { waitMs, unsent }: { waitMs: number; unsent?: string },
  ): Promise<Settled> {
    const { clock, sleep } = this.#options;
    const untilMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const settled = this.#look(attempt, unsent);
      if (settled !== undefined) {
        this.#firstSeenMs.delete(attempt.attemptId);
        return settled;
      }
      if (clock.monotonicMs() >= untilMs) throw stillOnItsWay();
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** One look; undefined when there is nothing to do but wait. */
  #look(attempt: RefreshAttempt, unsent: string | undefined): Settled | undefined {
    const { attempts, spool } = this.#options;
    const current = attempts.find(attempt.credentialId);
    if (current?.attemptId !== attempt.attemptId) return { kind: "superseded" };
    switch (spool.stateOf(attempt.attemptId)) {
      case "answered":
        return this.#settle(attempt);
      case "sent":
        return this.#isSenderGone(attempt) ? this.#settle(attempt) : undefined;
      case "ready":
        if (!this.#isOwnerGone(attempt)) return undefined;
        // The child may be faster than we are; then the next look finds it.
        if (!spool.withdraw(attempt.attemptId)) return undefined;
        return this.#abandon(attempt, unsent);
      case "nothing":
        return this.#abandon(attempt, unsent);
    }
  }

  #settle(attempt: RefreshAttempt): Settled {
    const { settlement, spool } = this.#options;
    const settled = settlement.settle(attempt, spool.answerOf(attempt.attemptId));
    spool.remove(attempt.attemptId);
    return settled;
  }

  #abandon(attempt: RefreshAttempt, unsent: string | undefined): Settled {
    const { settlement, spool } = this.#options;
    const settled = settlement.abandon(attempt, unsent);
    spool.remove(attempt.attemptId);
    return settled;
  }

  #isSenderGone(attempt: RefreshAttempt): boolean {
    const sender = this.#options.spool.senderOf(attempt.attemptId);
    return this.#isGone(sender, attempt);
  }

  #isOwnerGone(attempt: RefreshAttempt): boolean {
    return (
      this.#isOurs(attempt) || this.#isGone(ownerOf(attempt), attempt) || this.#isLeaseOver(attempt)
    );
  }

  #isOurs(attempt: RefreshAttempt): boolean {
    return ownerOf(attempt)?.instance === this.#instance;
  }

  #isGone(process: ProcessIdentity | undefined, attempt: RefreshAttempt): boolean {
    const liveness = process ? livenessOf(process) : "elsewhere";
    return liveness === "elsewhere" ? this.#isLeaseOver(attempt) : liveness === "ended";
  }

  // By both clocks: a wall clock that was set back must not make a lease last for hours.
  #isLeaseOver({ attemptId, startedAtMs, leaseUntilMs }: RefreshAttempt): boolean {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const firstSeenMs = this.#firstSeenMs.get(attemptId) ?? nowMs;
    this.#firstSeenMs.set(attemptId, firstSeenMs);
    return clock.nowMs() >= leaseUntilMs || nowMs - firstSeenMs >= leaseUntilMs - startedAtMs;
  }
}

function ownerOf({ owner }: RefreshAttempt): z.infer<typeof Owner> | undefined {
  try {
    return Owner.safeParse(parseJson(owner)).data;
  } catch {
    return undefined;
  }
}

function stillOnItsWay(): RefreshError {
  return new RefreshError(
    "provider_unreachable",
    "the provider has not answered yet; its answer will be stored when it comes",
    { fix: "Try again in a minute." },
  );
}
