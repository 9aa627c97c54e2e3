// API keys that are held for a while instead of for good: leased as soon as they are known of, renewed well
// before they end, in memory only. A key whose lease has ended is not handed out, whatever the reason.

import { type Logger, registerSecret } from "#platform";
import { LEASED_KEY } from "#wire";
import { BrokerError, BrokerProtocolError } from "../errors.ts";
import { pauseMs, type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient } from "./broker-client.ts";
import { SingleFlight } from "./single-flight.ts";

/** Shortest time between two leases of one key, in ms, however short the broker makes them. */
export const MIN_RENEWAL_MS = 1_000;

/** What leases need; clock and dice are injected by tests. */
export interface LeasedKeysOptions {
  readonly client: Pick<BrokerClient, "leaseCredential" | "url">;
  readonly log: Logger;
  /** The broker's time, in ms since the epoch. */
  readonly brokerNowMs: () => number;
  readonly sleep?: Sleep | undefined;
  readonly random?: (() => number) | undefined;
}

interface Lease {
  readonly key: string;
  readonly untilMs: number;
}

/** The leases of one client. */
export class LeasedKeys {
  readonly #options: LeasedKeysOptions;
  readonly #sleep: Sleep;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  readonly #leases = new Map<number, Lease>();
  readonly #renewals = new Map<number, AbortController>();
  readonly #calls = new SingleFlight<number, string>();

  constructor(options: LeasedKeysOptions) {
    this.#options = options;
    this.#sleep = options.sleep ?? sleepUnlessAborted;
    this.#random = options.random ?? Math.random;
  }

  /** The leased key while it lasts. */
  keyOf(id: number): string | undefined {
    const lease = this.#leases.get(id);
    return lease && lease.untilMs > this.#options.brokerNowMs() ? lease.key : undefined;
  }

  /** The leased key, or a new lease of it; `signal` ends only this caller's wait. */
  async take(id: number, signal?: AbortSignal): Promise<string> {
    return this.keyOf(id) ?? this.#lease(id, signal);
  }

  /**
   * Keeps a lease of each of these and drops all others; a changed one may be another key now and is leased
   * anew, the old one serving until then. Resolves when each new or changed one was tried once.
   */
  async keep(
    ids: ReadonlySet<number>,
    { changed = new Set() }: { changed?: ReadonlySet<number> } = {},
  ): Promise<void> {
    for (const id of this.#renewals.keys()) {
      if (!ids.has(id)) this.#drop(id);
    }
    const due = [...ids].filter((id) => changed.has(id) || !this.#renewals.has(id));
    await Promise.all(due.map((id) => this.#start(id)));
  }

  /** Ends every renewal and forgets every key. */
  stop(): void {
    this.#stopping.abort();
    this.#renewals.clear();
    this.#leases.clear();
  }

  async #start(id: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#renewals.get(id)?.abort();
    // A call that began before the change may come back with the old key.
    this.#calls.forget(id);
    const renewal = new AbortController();
    this.#renewals.set(id, renewal);
    const signal = AbortSignal.any([renewal.signal, this.#stopping.signal]);
    const first = await this.#try(id, 0, signal);
    void this.#keepRenewing(id, first, signal);
  }

  async #keepRenewing(id: number, first: Attempt, signal: AbortSignal): Promise<void> {
    for (let { failures, waitMs } = first; !signal.aborted;) {
      await this.#sleep(waitMs, signal);
      if (signal.aborted) return;
      ({ failures, waitMs } = await this.#try(id, failures, signal));
    }
  }

  async #try(id: number, failures: number, signal: AbortSignal): Promise<Attempt> {
    try {
      await this.#lease(id, signal);
      return { failures: 0, waitMs: this.#renewalMs(id) };
    } catch (error) {
      if (!signal.aborted) this.#report(id, error, { isFirst: failures === 0 });
      return { failures: failures + 1, waitMs: pauseMs(failures + 1, this.#random) };
    }
  }

  // Between half and three quarters of the way: time for several tries, and no crowd at one moment.
  #renewalMs(id: number): number {
    const leftMs = (this.#leases.get(id)?.untilMs ?? 0) - this.#options.brokerNowMs();
    return Math.max(MIN_RENEWAL_MS, leftMs * (0.5 + this.#random() / 4));
  }

  #lease(id: number, signal?: AbortSignal): Promise<string> {
    return this.#calls.run(id, () => this.#ask(id), signal);
  }

  async #ask(id: number): Promise<string> {
    const { client, brokerNowMs } = this.#options;
    const { signal } = this.#stopping;
    const renewal = this.#renewals.get(id);
    const lease = await client.leaseCredential(id, { signal });
    const { credential, leasedUntilMs } = lease;
    const isKey = credential.type === "api_key" && credential.key !== LEASED_KEY;
    if (lease.id !== id || !isKey || leasedUntilMs <= brokerNowMs()) {
      throw new BrokerProtocolError(client.url, "a lease that leases nothing");
    }
    signal.throwIfAborted();
    registerSecret(credential.key);
    if (renewal !== undefined && this.#renewals.get(id) === renewal) {
      this.#leases.set(id, { key: credential.key, untilMs: leasedUntilMs });
    }
    return credential.key;
  }

  #drop(id: number): void {
    this.#renewals.get(id)?.abort();
    this.#renewals.delete(id);
    this.#leases.delete(id);
  }

  #report(id: number, error: unknown, { isFirst }: { isFirst: boolean }): void {
    const { log } = this.#options;
    const fields = { id, code: error instanceof BrokerError ? error.code : "unknown", error };
    if (isFirst) log.warn("an API key could not be leased; trying again", fields);
    else log.debug("an API key could still not be leased", fields);
  }
}

interface Attempt {
  readonly failures: number;
  readonly waitMs: number;
}
