// Looks at all grants once a minute: renews what is about to expire, finishes what a crash left, and says what is
// not kept alive. Refuses to make a crowd of it: who is due goes in random order, spread over the interval.

import type { Clock, Logger } from "#platform";
import type { RefresherSchedule } from "#wire";
import type { Vault } from "../vault/vault.ts";
import { type Grant, grantTag, isSameTag } from "./grant.ts";
import type { RefreshAttempt, RefreshAttempts, RefreshHealth } from "./refresh-attempts.ts";
import { RefreshError } from "./refresh-error.ts";
import type { RenewableGrants } from "./renewable-grants.ts";
import {
  NO_REFRESHER,
  nextSweepMs,
  REFRESH_INTERVAL_MS,
  REFRESH_SKEW_MS,
  spreadMs,
} from "./schedule.ts";

/** The first sweep comes this soon after a start, at random, in ms. */
const FIRST_SWEEP_MS = 1_000;

/** A credential that is not kept alive, and why. */
export interface RefreshProblem {
  readonly id: number;
  readonly provider: string;
  readonly problem: string;
  /** When the next try may be made; null when nothing will be tried. */
  readonly retryAtMs: number | null;
}

/** What sweeping needs. */
interface SweeperOptions {
  readonly vault: Vault;
  readonly grants: RenewableGrants;
  readonly attempts: RefreshAttempts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Throws when the refresher stops meanwhile. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly refresh: (id: number) => Promise<unknown>;
  /** Finishes an attempt of a process that may be dead; true when its token has to be used once more. */
  readonly finish: (attempt: RefreshAttempt) => Promise<boolean>;
  /** Whether this process is at work on a credential. */
  readonly isAtWork: (id: number) => boolean;
}

/** Sweeps, on time or when told. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #told = new Set<string>();
  #nextAtMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(Math.round(this.#options.random() * FIRST_SWEEP_MS));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#nextAtMs = undefined;
  }

  schedule(): RefresherSchedule {
    const { vault, clock } = this.#options;
    if (this.#nextAtMs === undefined || vault.quarantinedAtMs !== null) return NO_REFRESHER;
    return {
      enabled: true,
      intervalMs: REFRESH_INTERVAL_MS,
      skewMs: REFRESH_SKEW_MS,
      nextSweepInMs: Math.round(Math.max(0, this.#nextAtMs - clock.monotonicMs())),
    };
  }

  /** One look at all grants; resolves when everything it found is dealt with. */
  async sweep(): Promise<void> {
    if (this.#options.vault.quarantinedAtMs !== null) {
      const message = "nothing is refreshed: the vault was restored from a backup";
      this.#tellOnce("quarantine", message, {});
      return;
    }
    await Promise.all([this.#finishOpen(), this.#refreshDue()]);
  }

  problems(): RefreshProblem[] {
    const { grants, attempts, vault } = this.#options;
    const health = byCredential(attempts.allHealth());
    return grants.all().flatMap((grant) => {
      const { id, provider } = grant;
      const obstacle = grants.obstacle(grant);
      if (obstacle !== undefined) return [{ id, provider, problem: obstacle, retryAtMs: null }];
      const { lastError = null, retryAtMs = null, tag = null } = health.get(id) ?? {};
      if (lastError === null || !isSameTag(tag, grantTag(vault, grant))) return [];
      return [{ id, provider, problem: lastError, retryAtMs }];
    });
  }

  // Also those of credentials that are gone, or that cannot be renewed any more: their answer is stored, or dropped.
  async #finishOpen(): Promise<void> {
    const { attempts, isAtWork, finish, refresh } = this.#options;
    const open = attempts.all().filter(({ credentialId }) => !isAtWork(credentialId));
    await Promise.all(
      open.map((attempt) =>
        this.#quietly(attempt.credentialId, async () => {
          if (await finish(attempt)) await refresh(attempt.credentialId);
        }),
      ),
    );
  }

  async #refreshDue(): Promise<void> {
    const { random, sleep, refresh } = this.#options;
    const due = shuffled(this.#due(), random);
    await Promise.all(
      due.map((id) =>
        this.#quietly(id, async () => {
          await sleep(spreadMs(due.length, random));
          await refresh(id);
        }),
      ),
    );
  }

  #due(): number[] {
    const { grants, attempts, clock } = this.#options;
    const nowMs = clock.nowMs();
    const health = byCredential(attempts.allHealth());
    const due = grants.all().filter((grant) => this.#isDue(grant, health.get(grant.id), nowMs));
    return due.filter((grant) => this.#isPossible(grant)).map(({ id }) => id);
  }

  // A lost answer makes a grant due at once: what a provider forgives, it forgives for seconds.
  #isDue(grant: Grant, health: RefreshHealth | undefined, nowMs: number): boolean {
    const isExpiring = grant.credential.expires - REFRESH_SKEW_MS <= nowMs;
    if (!isSameTag(health?.tag, grantTag(this.#options.vault, grant))) return isExpiring;
    const { retryAtMs = null, isLost = 0 } = health ?? {};
    return retryAtMs === null ? isExpiring || isLost === 1 : isExpiring && retryAtMs <= nowMs;
  }

  #isPossible(grant: Grant): boolean {
    const reason = this.#options.grants.obstacle(grant);
    if (reason === undefined) return true;
    const { id, provider } = grant;
    this.#tellOnce(`${id} ${reason}`, "a grant cannot be refreshed", { id, provider, reason });
    return false;
  }

  async #quietly(id: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // A RefreshError was logged where it arose, or says that there is nothing to do.
      if (error instanceof RefreshError) return;
      this.#options.log.error("a refresh could not be finished", { id, error });
    }
  }

  #schedule(delayMs: number): void {
    const { clock, random, log } = this.#options;
    this.#nextAtMs = clock.monotonicMs() + delayMs;
    this.#timer = setTimeout(() => {
      this.#schedule(nextSweepMs(random));
      this.sweep().catch((error: unknown) => log.error("a sweep failed", { error }));
    }, delayMs);
  }

  #tellOnce(key: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.log.warn(message, fields);
  }
}

function byCredential(health: readonly RefreshHealth[]): Map<number, RefreshHealth> {
  return new Map(health.map((each) => [each.credentialId, each]));
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
