// Tells the broker what providers say about their limits in the headers of answers, so that nobody has to ask
// them. The latest word per credential, at most one call per pause; a broker that does not listen costs nothing.

import type { Logger } from "#platform";
import { MAX_LIMIT_HEADERS, MAX_LIMIT_VALUE_CHARS } from "#wire";
import { BrokerError } from "../errors.ts";
import { type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient } from "./broker-client.ts";

/** Shortest time between two reports about one credential, in ms. */
export const LIMIT_REPORT_PAUSE_MS = 10_000;

const LIMIT_HEADER = /ratelimit|rate-limit|quota|^retry-after|^x-codex-/;

/** What reporting needs. */
export interface LimitFeedOptions {
  readonly client: Pick<BrokerClient, "reportLimits">;
  readonly log: Logger;
  readonly sleep?: Sleep;
}

/** The reports of one client. */
export class LimitFeed {
  readonly #options: LimitFeedOptions;
  readonly #stopping = new AbortController();
  readonly #latest = new Map<number, Readonly<Record<string, string>>>();
  readonly #reporting = new Set<number>();

  constructor(options: LimitFeedOptions) {
    this.#options = options;
  }

  /** Takes the headers of an answer that was got with a credential. Never throws. */
  record(id: number, headers: Headers): void {
    const stated = [...headers].filter(isStatement).slice(0, MAX_LIMIT_HEADERS);
    if (stated.length === 0 || this.#stopping.signal.aborted) return;
    this.#latest.set(id, Object.fromEntries(stated));
    if (!this.#reporting.has(id)) void this.#report(id);
  }

  /** Reports no more. */
  stop(): void {
    this.#stopping.abort();
    this.#latest.clear();
  }

  async #report(id: number): Promise<void> {
    const { sleep = sleepUnlessAborted } = this.#options;
    const { signal } = this.#stopping;
    this.#reporting.add(id);
    for (let headers = this.#take(id); headers && !signal.aborted; headers = this.#take(id)) {
      await this.#tell(id, headers);
      await sleep(LIMIT_REPORT_PAUSE_MS, signal);
    }
    this.#reporting.delete(id);
  }

  #take(id: number): Readonly<Record<string, string>> | undefined {
    const headers = this.#latest.get(id);
    this.#latest.delete(id);
    return headers;
  }

  async #tell(id: number, headers: Readonly<Record<string, string>>): Promise<void> {
    const { client, log } = this.#options;
    try {
      await client.reportLimits(id, headers, { signal: this.#stopping.signal });
    } catch (error) {
      const code = error instanceof BrokerError ? error.code : "unknown";
      log.debug("limits of a provider could not be told", { id, code });
    }
  }
}

function isStatement([name, value]: [string, string]): boolean {
  return LIMIT_HEADER.test(name) && value.length <= MAX_LIMIT_VALUE_CHARS && name.length <= 128;
}
