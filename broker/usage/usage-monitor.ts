// Keeps what is known of every account's usage. Providers are asked only because somebody wants to know, rarely,
// never all at once, and once for everybody who asks meanwhile; what clients see in headers is taken in between.
// Refuses to keep a caller waiting for a slow provider, and to forget good numbers because of a bad answer.

import { type Logger, type Outbound, retryDelayMs } from "#platform";
import type { UsageReport } from "#wire";
import { BrokerError } from "../errors.ts";
import type { ProviderDescriptor, UsageProbe } from "../oauth/descriptor.ts";
import type { SeesProvider } from "../vault/change-log.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { asOf, type UsageAccount } from "./measured-limit.ts";
import { PollQueue } from "./poll-queue.ts";
import { PROBE_TIMEOUT_MS, probeUsage, UsageProbeError } from "./usage-probe.ts";
import { type CachedUsage, UsageCache } from "./usage-cache.ts";
import { readUsageHeaders } from "./usage-headers.ts";
import { UsageHistoryLog } from "./usage-history.ts";
import { readUsageAnswer } from "./usage-report.ts";

/** How long a report stands before the provider is asked again, in ms, give or take a quarter per credential. */
export const USAGE_REPORT_TTL_MS = 5 * 60_000;
/** The pause after a first failure, in ms; it doubles up to the time a report stands, give or take a quarter. */
export const FIRST_RETRY_MS = 30_000;
/** How long an answer waits for providers, in ms; what comes later is for the next one. */
export const USAGE_WAIT_MS = 5_000;
/** How often at most a credential is polled because clients call its report stale, in ms. */
export const STALE_INTERVAL_MS = 60_000;

// Longer than a poll and the refresh before it may take; frees the credential when the process dies.
const CLAIM_MS = 2 * 60_000 + PROBE_TIMEOUT_MS;

/** What the monitor stands on; clock, dice and waiting are injected by tests. */
export interface UsageMonitorOptions {
  readonly vault: Vault;
  readonly findProvider: (id: string) => ProviderDescriptor | undefined;
  /** Renews a grant whose access token has run out, and returns it as it is stored then. */
  readonly fresh: (credentialId: number) => Promise<StoredCredential>;
  readonly outbound: Outbound;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly random?: () => number;
  readonly waitMs?: number;
}

/** The usage of every account in a vault. */
export class UsageMonitor {
  readonly #options: UsageMonitorOptions;
  readonly #cache: UsageCache;
  readonly #queue = new PollQueue();
  readonly #flights = new Map<number, Promise<void>>();
  /** Hosts that asked to be left alone, and until when. */
  readonly #restUntilMs = new Map<string, number>();
  readonly #stopping = new AbortController();
  /** What was known when. */
  readonly history: UsageHistoryLog;

  constructor(options: UsageMonitorOptions) {
    this.#options = options;
    this.#cache = new UsageCache(options.vault.file.database);
    this.history = new UsageHistoryLog(options.vault.file.database);
  }

  /**
   * A report for each account of the providers seen, by provider. Providers that are due are asked first, as long
   * as that does not take long. Never rejects for a provider's sake.
   */
  async reports(sees?: SeesProvider): Promise<UsageReport[]> {
    const polls = this.#askable(sees).flatMap(([stored, probe]) => {
      const poll = this.#pollOnce(stored, probe);
      return poll === undefined ? [] : [poll];
    });
    if (polls.length > 0) await settledWithin(polls, this.#options.waitMs ?? USAGE_WAIT_MS);
    const { credentials } = this.#options.vault.read(sees);
    return credentials
      .flatMap((stored) => this.#reportOf(stored) ?? [])
      .toSorted((a, b) => (a.provider < b.provider ? -1 : Number(a.provider > b.provider)));
  }

  /** Takes in the headers (names in lower case) of an answer that a client got with a credential. */
  feed(stored: StoredCredential, headers: Readonly<Record<string, string>>): void {
    const rules = this.#options.findProvider(stored.provider)?.usageHeaders ?? [];
    const nowMs = this.#options.nowMs();
    const limits = readUsageHeaders(headers, rules, { account: accountOf(stored), nowMs });
    if (limits.length === 0) return;
    this.#cache.feed(stored.id, limits, nowMs);
    this.#remember(stored);
  }

  /** Has the providers seen asked anew when somebody next wants to know; no credential more than once a minute. */
  markStale(sees?: SeesProvider): void {
    const ids = this.#askable(sees).map(([{ id }]) => id);
    this.#cache.markStale(ids, {
      nowMs: this.#options.nowMs(),
      intervalMs: STALE_INTERVAL_MS,
    });
  }

  /** Gives polls up, waits until none is left, and writes down what is in memory only. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#flights.values());
    this.#cache.flush();
  }

  #askable(sees?: SeesProvider): (readonly [StoredCredential, UsageProbe])[] {
    const { credentials } = this.#options.vault.read(sees);
    return credentials.flatMap((stored) => {
      const probe = this.#options.findProvider(stored.provider)?.usage;
      return probe?.appliesTo.includes(stored.credential.type) ? [[stored, probe] as const] : [];
    });
  }

  /** The poll under way, a new one when it is time, else undefined. */
  #pollOnce(stored: StoredCredential, probe: UsageProbe): Promise<void> | undefined {
    const { id } = stored;
    const flight = this.#flights.get(id);
    if (flight !== undefined) return flight;
    if (this.#stopping.signal.aborted || !this.#cache.isDue(id, this.#options.nowMs())) return;
    const { host } = new URL(probe.url);
    const poll = this.#queue
      .run(host, () => this.#poll(id, probe, host))
      .catch((error: unknown) => this.#options.log.error("a usage poll broke off", { error }))
      .finally(() => this.#flights.delete(id));
    this.#flights.set(id, poll);
    return poll;
  }

  async #poll(id: number, probe: UsageProbe, host: string): Promise<void> {
    const nowMs = this.#options.nowMs();
    const isAtRest = (this.#restUntilMs.get(host) ?? 0) > nowMs;
    if (isAtRest || this.#stopping.signal.aborted) return;
    if (!this.#cache.claim(id, { nowMs, untilMs: nowMs + CLAIM_MS })) return;
    try {
      const stored = await this.#usable(id);
      if (stored === undefined) return;
      const answer = await this.#ask(probe, stored);
      this.#store(stored, probe, answer);
    } catch (error) {
      this.#noteFailure(id, host, error);
    }
  }

  /** The credential with an access token that has not run out; undefined when it is gone meanwhile. */
  async #usable(id: number): Promise<StoredCredential | undefined> {
    const stored = this.#options.vault.get(id);
    const hasRunOut =
      stored?.credential.type === "oauth" && stored.credential.expires <= this.#options.nowMs();
    return hasRunOut ? this.#options.fresh(id) : stored;
  }

  #ask(probe: UsageProbe, { credential }: StoredCredential): Promise<unknown> {
    const { outbound, nowMs } = this.#options;
    return probeUsage(probe, credential, { outbound, nowMs, signal: this.#stopping.signal });
  }

  #store(stored: StoredCredential, probe: UsageProbe, answer: unknown): void {
    const nowMs = this.#options.nowMs();
    const probed = readUsageAnswer(answer, probe, { account: accountOf(stored), nowMs });
    this.#cache.store(stored.id, probed, { nextPollAtMs: nowMs + this.#jittered() });
    this.#remember(stored);
  }

  #noteFailure(id: number, host: string, error: unknown): void {
    const { log, nowMs: now, vault } = this.#options;
    if (this.#stopping.signal.aborted) return;
    const nowMs = now();
    const code = error instanceof BrokerError ? error.code : "usage_failed";
    const failures = (this.#cache.read(id, nowMs)?.failures ?? 0) + 1;
    const pauseMs = this.#pauseAfter(error, failures);
    if (isRateLimit(error)) this.#restUntilMs.set(host, nowMs + pauseMs);
    this.#cache.fail(id, { code, nextPollAtMs: nowMs + pauseMs });
    const provider = vault.get(id)?.provider;
    // Where it was thrown tells nothing about a provider; about a mistake of ours it does.
    const reason = error instanceof BrokerError ? { problem: error.message } : { error };
    const fields = { provider, credential: id, code, ...reason, failures, retryInMs: pauseMs };
    if (failures === 1) log.warn("usage is not known for now", fields);
    else log.debug("usage is still not known", fields);
  }

  #pauseAfter(error: unknown, failures: number): number {
    if (isRateLimit(error)) return Math.max(this.#jittered(), error.retryAfterMs ?? 0);
    const { random = Math.random } = this.#options;
    return retryDelayMs(failures, { firstMs: FIRST_RETRY_MS, maxMs: USAGE_REPORT_TTL_MS, random });
  }

  #jittered(): number {
    const { random = Math.random } = this.#options;
    return Math.round(USAGE_REPORT_TTL_MS * (0.75 + random() / 2));
  }

  #remember(stored: StoredCredential): void {
    const nowMs = this.#options.nowMs();
    const limits = this.#cache.read(stored.id, nowMs)?.limits ?? [];
    const current = limits.map((limit) => asOf(limit, nowMs));
    this.history.record(stored, current, nowMs);
  }

  #reportOf(stored: StoredCredential): UsageReport | undefined {
    const nowMs = this.#options.nowMs();
    const cached = this.#cache.read(stored.id, nowMs);
    if (cached === undefined) return undefined;
    const isKnown = cached.limits.length > 0;
    if (!isKnown && cached.lastError === null) return undefined;
    const measured = cached.limits.map(({ measuredAtMs }) => measuredAtMs);
    return {
      provider: stored.provider,
      fetchedAt: isKnown ? Math.min(...measured) : (cached.polledAtMs ?? nowMs),
      limits: cached.limits.map((limit) => asOf(limit, nowMs)),
      metadata: metadataOf(stored, cached),
    };
  }
}

function metadataOf({ id, credential }: StoredCredential, cached: CachedUsage) {
  const { email, accountId, orgName } =
    credential.type === "oauth" ? credential : { email: undefined };
  return {
    ...cached.metadata,
    credentialId: id,
    type: credential.type,
    email,
    accountId,
    orgName,
    ...(cached.lastError !== null && { lastError: cached.lastError }),
  };
}

function accountOf({ provider, credential }: StoredCredential): UsageAccount {
  if (credential.type === "api_key") return { provider };
  const { accountId, projectId, orgId } = credential;
  return { provider, accountId, projectId, orgId };
}

function isRateLimit(error: unknown): error is UsageProbeError {
  return error instanceof UsageProbeError && error.code === "usage_rate_limited";
}

async function settledWithin(polls: readonly Promise<void>[], waitMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, waitMs);
  await Promise.race([Promise.all(polls), late]);
  clearTimeout(timer);
}
