// Keeps OAuth grants alive: one exchange per credential at a time over callers, processes and crashes, its answer
// durable before anybody hears of it. The parts, put together; what they refuse is said in each.

import { type Clock, type Environment, type Logger, SteadyClock } from "#platform";
import type { RefresherSchedule } from "#wire";
import type { RegisteredProvider } from "../oauth/registry.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { EXCHANGE_TIMEOUT_MS, Exchanges } from "./exchanges.ts";
import type { Grant } from "./grant.ts";
import { OpenAttempts } from "./open-attempts.ts";
import { RefreshAttempts } from "./refresh-attempts.ts";
import { RefreshError } from "./refresh-error.ts";
import { RenewableGrants } from "./renewable-grants.ts";
import { Renewal } from "./renewal.ts";
import { Settlement } from "./settlement.ts";
import { SingleFlight } from "./single-flight.ts";
import { Slots, type Turn } from "./slots.ts";
import { spawnExchange, type SpawnExchange } from "./spawn-exchange.ts";
import { Spool } from "./spool.ts";
import { type RefreshProblem, Sweeper } from "./sweeper.ts";

/** A grant refreshed this recently is returned as it is, in ms: a crowd that comes with one old token costs one exchange. */
export const FRESH_MS = 30_000;

/** Why a refresh is asked for; sweeps give way to requests. */
export type RefreshReason = "request" | "sweep";

/** What a refresher works with. */
export interface RefresherOptions {
  readonly vault: Vault;
  /** Where the spool is kept. */
  readonly home: string;
  /** Proxies and certificates for the exchange, and the variables that hold client secrets. */
  readonly env: Environment;
  readonly providers: (id: string) => RegisteredProvider | undefined;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly spawnExchange?: SpawnExchange;
  readonly timeoutMs?: number;
  readonly freshMs?: number;
}

/** Refreshes the grants of one vault. */
export class Refresher {
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #attempts: RefreshAttempts;
  readonly #grants: RenewableGrants;
  readonly #spool: Spool;
  readonly #exchanges: Exchanges;
  readonly #renewal: Renewal;
  readonly #sweeper: Sweeper;
  readonly #slots = new Slots();
  readonly #flights = new SingleFlight<StoredCredential>();
  readonly #stopping = new AbortController();

  constructor(options: RefresherOptions) {
    const { vault, home, env, providers, log, freshMs = FRESH_MS, random = Math.random } = options;
    const { timeoutMs = EXCHANGE_TIMEOUT_MS, spawnExchange: spawn = spawnExchange } = options;
    const clock = options.clock ?? steadyClock(log);
    const nowMs = () => clock.nowMs();
    const sleep = (ms: number) => this.#sleep(ms);
    const attempts = new RefreshAttempts(vault.file.database);
    const grants = new RenewableGrants({ vault, providers, env });
    const spool = new Spool(home, vault.file.index.derive("refresh-spool"));
    const settlement = new Settlement({ vault, attempts, providers, random, nowMs });
    const open = new OpenAttempts({ attempts, settlement, spool, clock, sleep });
    const exchanges = new Exchanges({ spool, spawn, env, log, timeoutMs });
    const assertRunning = () => this.#stopping.signal.throwIfAborted();
    const base = { vault, grants, attempts, clock, log };
    this.#clock = clock;
    this.#freshMs = freshMs;
    this.#attempts = attempts;
    this.#grants = grants;
    this.#spool = spool;
    this.#exchanges = exchanges;
    this.#renewal = new Renewal({ ...base, open, spool, exchanges, assertRunning });
    this.#sweeper = new Sweeper({
      ...base,
      random,
      sleep,
      refresh: (id) => this.refresh(id, { reason: "sweep" }),
      finish: (attempt) => this.#renewal.finish(attempt),
      isAtWork: (id) => this.#flights.has(id),
    });
  }

  /**
   * Renews a grant and returns it as it is stored then; of callers at once one does, for all. The caller who
   * aborts leaves, the work goes on. Throws RefreshError.
   */
  async refresh(
    id: number,
    { signal, reason = "request" }: { signal?: AbortSignal; reason?: RefreshReason } = {},
  ): Promise<StoredCredential> {
    signal?.throwIfAborted();
    const isUrgent = reason === "request";
    return this.#flights.join(id, (turn) => this.#fly(id, turn), { signal, isUrgent });
  }

  /** Finishes what a crash left, and sweeps from now on. */
  start(): void {
    const known = new Set(this.#attempts.all().map(({ attemptId }) => attemptId));
    this.#spool.removeStale((attemptId) => known.has(attemptId), Date.now());
    this.#sweeper.start();
  }

  /** What clients are told about the sweeps. */
  schedule(): RefresherSchedule {
    return this.#sweeper.schedule();
  }

  /** One look at all grants: refreshes what is due and finishes what is open. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep();
  }

  /** The grants that are not kept alive, and why. */
  problems(): RefreshProblem[] {
    return this.#sweeper.problems();
  }

  /** Begins nothing more and waits for what is on its way; what takes longer is finished by the next start. */
  async stop(): Promise<void> {
    const reason = new RefreshError("refresher_stopped", "the broker is stopping");
    this.#sweeper.stop();
    this.#stopping.abort(reason);
    this.#slots.close(reason);
    await this.#flights.landed();
    this.#exchanges.letGo();
  }

  async #fly(id: number, turn: Turn): Promise<StoredCredential> {
    const grant = this.#grants.get(id);
    if (this.#isFresh(grant)) return grant;
    this.#stopping.signal.throwIfAborted();
    const release = await this.#slots.take(grant.provider, turn);
    try {
      return await this.#renewal.run(grant);
    } finally {
      release();
    }
  }

  // With an attempt open there is an answer to be stored, and after a failure (it leaves its tag) one to be sought.
  #isFresh({ id, credential }: Grant): boolean {
    const { lastSuccessAtMs = null, tag = null } = this.#attempts.health(id) ?? {};
    if (lastSuccessAtMs === null || tag !== null || this.#attempts.find(id)) return false;
    const ageMs = this.#clock.nowMs() - lastSuccessAtMs;
    return ageMs >= 0 && ageMs < this.#freshMs && credential.expires > this.#clock.nowMs();
  }

  /** Throws RefreshError `refresher_stopped` when the refresher stops meanwhile. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    const wake = () => reject(signal.reason);
    signal.addEventListener("abort", wake, { once: true });
    const timer = setTimeout(resolve, ms);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
    }
  }
}

function steadyClock(log: Logger): Clock {
  return new SteadyClock({ onJump: ({ byMs }) => log.warn("the wall clock jumped", { byMs }) });
}
