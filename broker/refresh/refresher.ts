// Keeps OAuth grants alive: one exchange per credential at a time over callers, processes and crashes, its answer
// durable before anybody hears of it. Refuses to exchange in quarantine, while a credential backs off, and while
// another attempt may still be on its way.

import {
  type Clock,
  type Environment,
  type Logger,
  SteadyClock,
  systemClock,
  VERSION,
} from "#platform";
import type { RefresherSchedule } from "#wire";
import { resolveConfigValue } from "../config-value.ts";
import { BrokerError } from "../errors.ts";
import { canRefresh, refreshRequest } from "../oauth/refresh-request.ts";
import type { TokenRequest } from "../oauth/token-request.ts";
import type { RegisteredProvider } from "../oauth/registry.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import type { ExchangeJob } from "./exchange-job.ts";
import { type Grant, grantOf, grantTag } from "./grant.ts";
import { OpenAttempts } from "./open-attempts.ts";
import { LEASE_MS, type RefreshAttempt, RefreshAttempts } from "./refresh-attempts.ts";
import { RefreshError } from "./refresh-error.ts";
import {
  NO_REFRESHER,
  nextSweepMs,
  REFRESH_INTERVAL_MS,
  REFRESH_SKEW_MS,
  spreadMs,
} from "./schedule.ts";
import { type Settled, Settlement } from "./settlement.ts";
import { Slots, type Turn } from "./slots.ts";
import { type ExchangeProcess, spawnExchange, type SpawnExchange } from "./spawn-exchange.ts";
import { Spool } from "./spool.ts";

/** How long a provider may take to answer, in ms; the lease is longer. */
export const EXCHANGE_TIMEOUT_MS = 30_000;
/** What a child may take beside its exchange: to start, and to store the answer; in ms. */
export const CHILD_MARGIN_MS = 10_000;
/** Largest answer of a token endpoint, in bytes. */
export const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;
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

/** A credential that is not kept alive, and why. */
export interface RefreshProblem {
  readonly id: number;
  readonly provider: string;
  readonly problem: string;
  /** When the next try may be made; null when nothing will be tried. */
  readonly retryAtMs: number | null;
}

interface Flight {
  readonly turn: Turn;
  readonly done: Promise<StoredCredential>;
}

type Begun =
  | { readonly kind: "renewed"; readonly stored: StoredCredential }
  | { readonly kind: "open"; readonly attempt: RefreshAttempt }
  | { readonly kind: "begun"; readonly attempt: RefreshAttempt };

/** Refreshes the grants of one vault. */
export class Refresher {
  readonly #vault: Vault;
  readonly #options: RefresherOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timeoutMs: number;
  readonly #attempts: RefreshAttempts;
  readonly #spool: Spool;
  readonly #settlement: Settlement;
  readonly #open: OpenAttempts;
  readonly #slots = new Slots();
  readonly #flights = new Map<number, Flight>();
  readonly #children = new Set<ExchangeProcess>();
  readonly #told = new Set<string>();
  readonly #stopping = new AbortController();
  #nextSweepAtMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RefresherOptions) {
    const { vault, home, log, providers, random = Math.random } = options;
    this.#options = options;
    this.#vault = vault;
    this.#random = random;
    this.#timeoutMs = options.timeoutMs ?? EXCHANGE_TIMEOUT_MS;
    this.#clock =
      options.clock ??
      new SteadyClock({
        source: systemClock,
        onJump: ({ byMs }) => log.warn("the wall clock jumped", { byMs }),
      });
    this.#attempts = new RefreshAttempts(vault.file.database);
    this.#spool = new Spool(home, vault.file.index.derive("refresh-spool"));
    this.#settlement = new Settlement({
      vault,
      attempts: this.#attempts,
      providers,
      random,
      nowMs: () => this.#clock.nowMs(),
    });
    this.#open = new OpenAttempts({
      attempts: this.#attempts,
      settlement: this.#settlement,
      spool: this.#spool,
      clock: this.#clock,
      sleep: (ms) => this.#sleep(ms),
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
    const flight = this.#flights.get(id) ?? this.#takeOff(id);
    if (reason === "request") flight.turn.isUrgent = true;
    return signal ? leaveOnAbort(flight.done, signal) : flight.done;
  }

  /** Finishes what a crash left, and sweeps from now on. */
  start(): void {
    this.#removeStale();
    // A little late, so that brokers started together do not sweep together.
    this.#schedule(Math.round((this.#random() * REFRESH_INTERVAL_MS) / 60));
  }

  /** What clients are told about the sweeps. */
  schedule(): RefresherSchedule {
    if (this.#nextSweepAtMs === undefined || this.#vault.quarantinedAtMs !== null) {
      return NO_REFRESHER;
    }
    const nextSweepInMs = Math.max(0, this.#nextSweepAtMs - this.#clock.monotonicMs());
    return {
      enabled: true,
      intervalMs: REFRESH_INTERVAL_MS,
      skewMs: REFRESH_SKEW_MS,
      nextSweepInMs: Math.round(nextSweepInMs),
    };
  }

  /** Begins nothing more and waits for what is on its way; what takes longer is finished by the next start. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#nextSweepAtMs = undefined;
    this.#stopping.abort(stopped());
    this.#slots.close(stopped());
    const flights = [...this.#flights.values()].map(({ done }) => done);
    await Promise.allSettled(flights);
    for (const child of this.#children) child.letGo();
  }

  /** One look at all grants: refreshes what is due and finishes what is open. */
  async sweep(): Promise<void> {
    if (this.#vault.quarantinedAtMs !== null) {
      this.#tellOnce(
        "quarantine",
        "nothing is refreshed: the vault was restored from a backup",
        {},
      );
      return;
    }
    const open = this.#attempts.all().map(({ credentialId }) => credentialId);
    const due = shuffled([...new Set([...open, ...this.#due()])], this.#random);
    const urgent = new Set(open);
    await Promise.all(
      due.map(async (id) => {
        const delayMs = urgent.has(id) ? 0 : spreadMs(due.length, this.#random);
        await this.#refreshInSweep(id, delayMs);
      }),
    );
  }

  /** The grants that are not kept alive, and why. */
  problems(): RefreshProblem[] {
    const health = new Map(this.#attempts.allHealth().map((each) => [each.credentialId, each]));
    return this.#grants().flatMap((grant) => {
      const { id, provider } = grant;
      const possible = this.#canRefresh(grant);
      if (possible !== true) return [{ id, provider, problem: possible, retryAtMs: null }];
      const { lastError = null, retryAtMs = null, tag = null } = health.get(id) ?? {};
      if (lastError === null || !isSame(tag, grantTag(this.#vault, grant))) return [];
      return [{ id, provider, problem: lastError, retryAtMs }];
    });
  }

  #takeOff(id: number): Flight {
    const turn = { isUrgent: false };
    const flight: Flight = { turn, done: this.#fly(id, turn) };
    this.#flights.set(id, flight);
    // Whoever waits hears of it; nobody may.
    flight.done.catch(() => {}).finally(() => this.#flights.delete(id));
    return flight;
  }

  async #fly(id: number, turn: Turn): Promise<StoredCredential> {
    const grant = this.#renewable(id);
    if (this.#isFresh(grant)) return grant;
    this.#stopping.signal.throwIfAborted();
    const release = await this.#slots.take(grant.provider, turn);
    try {
      return await this.#renew(grant);
    } finally {
      release();
    }
  }

  async #renew(seen: Grant): Promise<StoredCredential> {
    const request = this.#request(seen, await this.#clientSecret(seen));
    const waitMs = this.#timeoutMs + CHILD_MARGIN_MS;
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      const begun = this.#begin(seen);
      if (begun.kind === "renewed") return begun.stored;
      const settled =
        begun.kind === "open"
          ? await this.#open.finish(begun.attempt, { waitMs })
          : await this.#exchange(begun.attempt, request, waitMs);
      const stored = this.#afterwards(seen, settled);
      if (stored) return stored;
    }
  }

  // The intent is durable before the child starts. Its file is there first: an attempt whose file is gone was
  // taken back, and its child will find that out.
  #begin(seen: Grant): Begun {
    const attemptId = crypto.randomUUID();
    this.#spool.prepare(attemptId);
    let begun: Begun | undefined;
    try {
      begun = this.#vault.atomically(() => this.#intend(seen, attemptId));
      return begun;
    } finally {
      if (begun?.kind !== "begun") this.#spool.remove(attemptId);
    }
  }

  #intend(seen: Grant, attemptId: string): Begun {
    const grant = this.#renewable(seen.id);
    const { refresh, access } = grant.credential;
    if (refresh !== seen.credential.refresh || access !== seen.credential.access) {
      return { kind: "renewed", stored: grant };
    }
    const open = this.#attempts.find(grant.id);
    if (open) return { kind: "open", attempt: open };
    const usedTag = grantTag(this.#vault, grant);
    const health = this.#attempts.health(grant.id);
    const isSameGrant = isSame(health?.tag, usedTag);
    const nowMs = this.#clock.nowMs();
    if (isSameGrant && health?.retryAtMs != null && health.retryAtMs > nowMs) {
      throw backingOff(health.lastError ?? "the last refresh failed", health.retryAtMs);
    }
    const attempt = this.#attempts.begin({
      credentialId: grant.id,
      attemptId,
      owner: this.#open.owner,
      usedTag,
      isRetry: isSameGrant ? (health?.isLost ?? 0) : 0,
      startedAtMs: nowMs,
      leaseUntilMs: nowMs + Math.max(LEASE_MS, this.#timeoutMs + 2 * CHILD_MARGIN_MS),
    });
    return { kind: "begun", attempt };
  }

  async #exchange(
    attempt: RefreshAttempt,
    request: TokenRequest,
    waitMs: number,
  ): Promise<Settled> {
    const child = this.#spawn(attempt.attemptId, request);
    if (child) await endsWithin(child, waitMs);
    return this.#open.finish(attempt, {
      waitMs: 0,
      unsent: "the request could not be sent from here",
    });
  }

  #spawn(attemptId: string, request: TokenRequest): ExchangeProcess | undefined {
    const { spawnExchange: spawn = spawnExchange, env, log } = this.#options;
    const job: ExchangeJob = {
      attemptId,
      directory: this.#spool.directory,
      spoolKey: Buffer.from(this.#spool.keyOf(attemptId)).toString("base64"),
      timeoutMs: this.#timeoutMs,
      maxBytes: MAX_TOKEN_ANSWER_BYTES,
      request: {
        ...request,
        headers: { "user-agent": `parley/${VERSION}`, ...request.headers },
      },
    };
    try {
      const child = spawn(job, env);
      this.#children.add(child);
      void child.exited.then(() => this.#children.delete(child));
      return child;
    } catch (error) {
      log.error("the process that refreshes could not be started", { error });
      return undefined;
    }
  }

  #request(grant: Grant, clientSecret: string | undefined): TokenRequest {
    const rules = this.#options.providers(grant.provider)?.descriptor.oauth;
    return refreshRequest(grant.provider, rules, grant.credential, { clientSecret });
  }

  /** The grant to return; undefined when there is another round to go. */
  #afterwards({ id, provider }: Grant, settled: Settled): StoredCredential | undefined {
    const { log } = this.#options;
    switch (settled.kind) {
      case "rotated":
        log.info("a grant was refreshed", { id, provider });
        return this.#vault.get(id);
      case "superseded":
        return undefined;
      case "lost":
        log.warn("the answer of a refresh was lost; the token is tried once more", {
          id,
          provider,
        });
        return undefined;
      case "disabled":
        log.error("a grant is over", { id, provider, cause: settled.cause });
        throw new RefreshError(
          "refresh_rejected",
          `the provider ${provider} does not renew this grant any more: ${settled.cause}`,
          { fix: `Log in again: agent auth-broker login ${provider}` },
        );
      case "failed":
        log.warn("a refresh failed", { id, provider, reason: settled.reason });
        throw new RefreshError("provider_unreachable", `${provider}: ${settled.reason}`, {
          retryAtMs: settled.retryAtMs,
        });
    }
  }

  /** The grant, when it can be renewed here. Throws RefreshError. */
  #renewable(id: number): Grant {
    const stored = this.#vault.get(id);
    if (!stored)
      throw new RefreshError("credential_unknown", `there is no active credential ${id}`);
    const grant = grantOf(stored);
    if (!grant)
      throw new RefreshError("not_oauth", `credential ${id} is an API key; it does not expire`);
    if (this.#vault.quarantinedAtMs !== null) {
      throw new RefreshError("quarantined", "the vault was restored from a backup", {
        fix: "Make sure no other broker uses these grants, then run `agent auth-broker unquarantine`.",
      });
    }
    const possible = this.#canRefresh(grant);
    if (possible === true) return grant;
    throw new RefreshError(
      "refresh_not_possible",
      `${grant.provider} cannot be refreshed: ${possible}`,
    );
  }

  #canRefresh({ provider, credential }: Grant): true | string {
    return canRefresh(provider, this.#options.providers(provider)?.descriptor.oauth, credential);
  }

  // With an attempt open there is an answer to be stored, however fresh the token is.
  #isFresh({ id, credential }: Grant): boolean {
    const { freshMs = FRESH_MS } = this.#options;
    const lastMs = this.#attempts.health(id)?.lastSuccessAtMs ?? Number.NEGATIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    const isRecent = nowMs >= lastMs && nowMs - lastMs < freshMs;
    return isRecent && credential.expires > nowMs && !this.#attempts.find(id);
  }

  async #clientSecret({ provider }: Grant): Promise<string | undefined> {
    const flow = this.#options.providers(provider)?.descriptor.oauth?.flow;
    if (!flow || flow.kind === "key" || flow.clientSecret === undefined) return undefined;
    try {
      return (await resolveConfigValue(flow.clientSecret, this.#options.env))?.reveal();
    } catch (cause) {
      if (!(cause instanceof BrokerError)) throw cause;
      throw new RefreshError("refresh_not_possible", `${provider}: ${cause.message}`, {
        cause,
        ...(cause.fix !== undefined && { fix: cause.fix }),
      });
    }
  }

  #grants(): Grant[] {
    return this.#vault.read().credentials.flatMap((stored) => grantOf(stored) ?? []);
  }

  #due(): number[] {
    const nowMs = this.#clock.nowMs();
    const health = new Map(this.#attempts.allHealth().map((each) => [each.credentialId, each]));
    return this.#grants().flatMap((grant) => {
      if (grant.credential.expires - REFRESH_SKEW_MS > nowMs) return [];
      const { retryAtMs = null, tag = null } = health.get(grant.id) ?? {};
      const isBackingOff =
        retryAtMs !== null && retryAtMs > nowMs && isSame(tag, grantTag(this.#vault, grant));
      return isBackingOff || !this.#isPossible(grant) ? [] : [grant.id];
    });
  }

  #isPossible(grant: Grant): boolean {
    const possible = this.#canRefresh(grant);
    if (possible === true) return true;
    const { id, provider } = grant;
    this.#tellOnce(`${id} ${possible}`, "a grant cannot be refreshed", {
      id,
      provider,
      reason: possible,
    });
    return false;
  }

  async #refreshInSweep(id: number, delayMs: number): Promise<void> {
    try {
      await this.#sleep(delayMs);
      await this.refresh(id, { reason: "sweep" });
    } catch (error) {
      // A RefreshError was logged where it arose, or says that there is nothing to do.
      if (error instanceof RefreshError) return;
      this.#options.log.error("a refresh could not be finished", { id, error });
    }
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#nextSweepAtMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = setTimeout(() => {
      this.#schedule(nextSweepMs(this.#random));
      this.sweep().catch((error: unknown) => {
        this.#options.log.error("a sweep failed", { error });
      });
    }, delayMs);
  }

  #removeStale(): void {
    const known = new Set(this.#attempts.all().map(({ attemptId }) => attemptId));
    this.#spool.removeStale((attemptId) => known.has(attemptId), Date.now());
  }

  #tellOnce(key: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.log.warn(message, fields);
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

async function endsWithin({ exited }: ExchangeProcess, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([exited, late]);
  clearTimeout(timer);
}

async function leaveOnAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

function isSame(a: Uint8Array | null | undefined, b: Uint8Array): boolean {
  return a != null && Buffer.compare(a, b) === 0;
}

function backingOff(reason: string, retryAtMs: number): RefreshError {
  const fix = "Wait until then, or log in again.";
  return new RefreshError("refresh_backing_off", `not tried again yet: ${reason}`, {
    fix,
    retryAtMs,
  });
}

function stopped(): RefreshError {
  return new RefreshError("refresher_stopped", "the broker is stopping");
}
