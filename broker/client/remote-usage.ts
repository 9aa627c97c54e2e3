// How much of each account is used, asked of the broker at most once per window however many want to know.
// A broker that fails is no usage signal for a while, never an error: requests go on without it.

import type { Logger } from "#platform";
import type { UsageReports } from "#wire";
import { BrokerError } from "../errors.ts";
import type { BrokerClient } from "./broker-client.ts";
import { SingleFlight } from "./single-flight.ts";

/** How long an answer, or a failure, stands, in ms. */
export const USAGE_CACHE_TTL_MS = 15_000;

/** What asking needs; the clock is injected by tests. */
export interface RemoteUsageOptions {
  readonly client: Pick<BrokerClient, "usage" | "markUsageStale">;
  readonly log: Logger;
  /** A clock that only moves forward, in ms. */
  readonly monotonicMs?: () => number;
}

/** The usage reports of one broker. */
export class RemoteUsage {
  readonly #options: RemoteUsageOptions;
  readonly #monotonicMs: () => number;
  readonly #calls = new SingleFlight<"usage", UsageReports | null>();
  /** How often everything was declared stale: an answer from before must not stand after. */
  #epoch = 0;
  #last: { readonly reports: UsageReports | null; readonly atMs: number } | undefined;

  constructor(options: RemoteUsageOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** The reports, at most 15 s old; null when the broker could not be asked. Rejects only with the signal's reason. */
  async reports({ signal }: { signal?: AbortSignal } = {}): Promise<UsageReports | null> {
    signal?.throwIfAborted();
    const last = this.#last;
    if (last && this.#monotonicMs() - last.atMs < USAGE_CACHE_TTL_MS) return last.reports;
    return this.#calls.run("usage", () => this.#ask(), signal);
  }

  /** Has the broker ask the providers anew, and forgets what it said before. Throws what BrokerClient throws. */
  async markStale({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#options.client.markUsageStale({ signal });
    this.#epoch += 1;
    this.#calls.forget("usage");
    this.#last = undefined;
  }

  async #ask(): Promise<UsageReports | null> {
    const epoch = this.#epoch;
    const reports = await this.#askOrNull();
    if (epoch === this.#epoch) this.#last = { reports, atMs: this.#monotonicMs() };
    return reports;
  }

  async #askOrNull(): Promise<UsageReports | null> {
    try {
      return await this.#options.client.usage();
    } catch (error) {
      const code = error instanceof BrokerError ? error.code : "unknown";
      this.#options.log.warn("usage is not known for now", { code, error });
      return null;
    }
  }
}
