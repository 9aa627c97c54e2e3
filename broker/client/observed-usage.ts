// What this client uses, counted per provider and model and told to the broker now and then. Holds counts
// only, a bounded number of them; keeps what the broker certainly did not take, and never sends it twice.

import { type Logger, OutboundError } from "#platform";
import { MAX_MODEL_CHARS, MAX_OBSERVED_ENTRIES, type ObservedUsageEntry, ProviderId } from "#wire";
import { BrokerRefused, BrokerUnauthorized } from "../errors.ts";
import { type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient, CallOptions } from "./broker-client.ts";

/** How often counts are told, in ms, give or take a tenth. */
export const FLUSH_INTERVAL_MS = 10_000;

/** How long the last telling may take, in ms: nobody waits longer for a program to end. */
export const STOP_TIMEOUT_MS = 2_000;

/** What one request used; numbers that are not known are 0. */
export type ObservedRequest = Omit<ObservedUsageEntry, "at" | "requests">;

/** What telling needs; clock and dice are injected by tests. */
export interface ObservedUsageOptions {
  readonly client: Pick<BrokerClient, "reportUsage">;
  /** Names this installation to the broker. */
  readonly installId: string;
  readonly hostname?: string;
  readonly app?: string;
  readonly log: Logger;
  readonly nowMs?: () => number;
  readonly sleep?: Sleep;
  readonly random?: () => number;
}

/** The counts of one client. */
export class ObservedUsage {
  readonly #options: ObservedUsageOptions;
  readonly #nowMs: () => number;
  readonly #stopping = new AbortController();
  readonly #flushing: Promise<void>;
  #counts = new Map<string, ObservedUsageEntry>();
  #isFullKnown = false;
  #isUnwanted = false;

  constructor(options: ObservedUsageOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#flushing = this.#flushNowAndThen();
  }

  /** Counts one request. Never throws; what the protocol cannot carry is not counted. */
  record(request: ObservedRequest): void {
    if (this.#isUnwanted || !ProviderId.safeParse(request.provider).success || request.model === "")
      return;
    const model = request.model.slice(0, MAX_MODEL_CHARS);
    this.#add({ ...wholeNumbers(request), model, at: this.#nowMs(), requests: 1 });
  }

  /** Tells what is left and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#flushing;
    await this.flush({ signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
  }

  /** Tells the broker now. Never rejects. */
  async flush({ signal }: CallOptions = {}): Promise<void> {
    if (this.#counts.size === 0) return;
    const { client, installId, hostname, app, log } = this.#options;
    const counts = this.#counts;
    this.#counts = new Map();
    try {
      const upload = {
        installId,
        ...(hostname !== undefined && { hostname }),
        ...(app !== undefined && { app }),
        entries: [...counts.values()],
      };
      await client.reportUsage(upload, { signal });
      this.#isFullKnown = false;
    } catch (error) {
      if (isWithoutRoute(error)) {
        this.#isUnwanted = true;
        return log.info("the broker does not collect usage; none is counted from now on");
      }
      if (isHopeless(error)) return log.warn("the broker takes no such usage; dropped", { error });
      if (!isNotTaken(error)) {
        return log.warn("usage was told, and the answer lost: not told again", { error });
      }
      for (const entry of counts.values()) this.#add(entry);
      log.debug("usage could not be told; kept for later", { error });
    }
  }

  async #flushNowAndThen(): Promise<void> {
    const { sleep = sleepUnlessAborted, random = Math.random } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(Math.round(FLUSH_INTERVAL_MS * (0.9 + random() / 5)), signal);
      if (!signal.aborted) await this.flush();
    }
  }

  #add(entry: ObservedUsageEntry): void {
    const key = JSON.stringify([entry.provider, entry.model]);
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= MAX_OBSERVED_ENTRIES) return this.#refuse();
    this.#counts.set(key, known === undefined ? entry : sum(known, entry));
  }

  #refuse(): void {
    if (this.#isFullKnown) return;
    this.#isFullKnown = true;
    const most = MAX_OBSERVED_ENTRIES;
    this.#options.log.warn("more models than are counted at once; the rest is left out", { most });
  }
}

function sum(a: ObservedUsageEntry, b: ObservedUsageEntry): ObservedUsageEntry {
  return {
    ...a,
    at: Math.max(a.at, b.at),
    requests: a.requests + b.requests,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    costUsd: a.costUsd + b.costUsd,
  };
}

function wholeNumbers(request: ObservedRequest): ObservedRequest {
  return {
    provider: request.provider,
    model: request.model,
    inputTokens: whole(request.inputTokens),
    outputTokens: whole(request.outputTokens),
    cacheReadTokens: whole(request.cacheReadTokens),
    cacheWriteTokens: whole(request.cacheWriteTokens),
    costUsd: Number.isFinite(request.costUsd) ? Math.max(0, request.costUsd) : 0,
  };
}

// Providers have reported negative and fractional counts; one of them would spoil the whole upload.
function whole(count: number): number {
  return Number.isFinite(count) ? Math.max(0, Math.trunc(count)) : 0;
}

// An answer that refuses took nothing; nor did a broker that was never reached. After a silence nobody knows.
function isNotTaken(error: unknown): boolean {
  if (error instanceof BrokerUnauthorized || error instanceof BrokerRefused) return true;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof OutboundError && NEVER_REACHED.has(cause.code);
}

// Refused for what it is, not for when it came: the same again would be refused again.
function isHopeless(error: unknown): boolean {
  return error instanceof BrokerRefused && HOPELESS.has(error.status);
}

// A broker of an earlier time.
function isWithoutRoute(error: unknown): boolean {
  return error instanceof BrokerRefused && error.status === 404;
}

const HOPELESS: ReadonlySet<number> = new Set([400, 405, 413, 415, 422]);
const NEVER_REACHED: ReadonlySet<string> = new Set([
  "connection_refused",
  "host_not_found",
  "tls_failed",
]);
