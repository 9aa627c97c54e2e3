// What is known of each credential's usage, when it was asked and when it may be asked again. The row is also
// the claim to ask: of several processes on one vault, one does. Refuses to keep numbers for longer than a day.

import type { Database } from "#platform";
import { z } from "zod";
import { MeasuredLimit, mergedOver } from "./measured-limit.ts";
import type { ProbedUsage } from "./usage-report.ts";

/** How long the last good numbers stand in for newer ones, in ms. */
export const USAGE_LAST_GOOD_RETENTION_MS = 24 * 60 * 60_000;
/** How often at most what clients report of one credential is written down, in ms; in between it is in memory. */
export const FEED_WRITE_INTERVAL_MS = 15_000;
/** No pause between polls is longer, in ms; a longer one was written by a clock that was wrong. */
export const MAX_PAUSE_MS = 2 * 60 * 60_000;

/** What is known of one credential. */
export interface CachedUsage {
  readonly limits: readonly MeasuredLimit[];
  readonly metadata: ProbedUsage["metadata"];
  /** Null before the first poll. */
  readonly polledAtMs: number | null;
  readonly nextPollAtMs: number;
  /** Polls in a row that failed. */
  readonly failures: number;
  /** Code of the last failure; null after a success. */
  readonly lastError: string | null;
}

const Known = z.strictObject({
  limits: z.array(MeasuredLimit),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
type Known = z.infer<typeof Known>;

interface Row {
  readonly known: string | null;
  readonly polledAtMs: number | null;
  readonly nextPollAtMs: number;
  readonly failures: number;
  readonly lastError: string | null;
}

/** The usage of every credential of a vault. */
export class UsageCache {
  readonly #database: Database;
  readonly #select;
  /** What clients reported since the last write, by credential, then by limit. */
  readonly #fed = new Map<number, Map<string, MeasuredLimit>>();
  readonly #writtenAtMs = new Map<number, number>();
  /** Rows as they were parsed last: a poll by every client must not parse every row. */
  readonly #parsed = new Map<number, { readonly text: string; readonly known: Known }>();

  constructor(database: Database) {
    this.#database = database;
    this.#select = database.prepare<[number], Row>(
      `SELECT known, polled_at_ms AS polledAtMs, next_poll_at_ms AS nextPollAtMs, failures,
         last_error AS lastError FROM usage_reports WHERE credential_id = ?`,
    );
  }

  /** What is known now; numbers older than a day are not. */
  read(credentialId: number, nowMs: number): CachedUsage | undefined {
    const row = this.#select.get(credentialId);
    const fed = this.#fed.get(credentialId);
    if (row === undefined && fed === undefined) return undefined;
    const { limits, metadata } = this.#known(credentialId, row?.known);
    const { polledAtMs = null, nextPollAtMs = 0, failures = 0, lastError = null } = row ?? {};
    const oldestMs = nowMs - USAGE_LAST_GOOD_RETENTION_MS;
    const kept = merged(limits, fed?.values() ?? []).filter((each) => each.measuredAtMs > oldestMs);
    return { limits: kept, metadata, polledAtMs, nextPollAtMs, failures, lastError };
  }

  /** True when a poll may begin, once per due time whoever asks; others may not until `untilMs`. */
  claim(credentialId: number, { nowMs, untilMs }: { nowMs: number; untilMs: number }): boolean {
    const { changes } = this.#database
      .prepare(
        `INSERT INTO usage_reports (credential_id, polled_at_ms, next_poll_at_ms)
         VALUES (@credentialId, @nowMs, @untilMs)
         ON CONFLICT DO UPDATE SET polled_at_ms = @nowMs, next_poll_at_ms = @untilMs
           WHERE next_poll_at_ms <= @nowMs OR next_poll_at_ms > @nowMs + @maxPauseMs`,
      )
      .run({ credentialId, nowMs, untilMs, maxPauseMs: MAX_PAUSE_MS });
    return changes > 0;
  }

  /** True when a claim would be granted. */
  isDue(credentialId: number, nowMs: number): boolean {
    const nextMs = this.#select.get(credentialId)?.nextPollAtMs ?? 0;
    return nextMs <= nowMs || nextMs > nowMs + MAX_PAUSE_MS;
  }

  /** Keeps the outcome of a poll; what headers alone tell of stays. */
  store(
    credentialId: number,
    probed: ProbedUsage,
    { nextPollAtMs }: { nextPollAtMs: number },
  ): void {
    const earlier = merged(
      this.#known(credentialId, this.#select.get(credentialId)?.known).limits,
      this.#fed.get(credentialId)?.values() ?? [],
    );
    const told = new Set(probed.limits.map(({ limit }) => limit.id));
    const others = earlier.filter(
      ({ source, limit }) => source === "headers" && !told.has(limit.id),
    );
    this.#fed.delete(credentialId);
    const known: Known = {
      limits: [...probed.limits, ...others],
      metadata: { ...probed.metadata },
    };
    this.#database
      .prepare(
        `UPDATE usage_reports SET known = ?, next_poll_at_ms = ?, failures = 0, last_error = NULL
         WHERE credential_id = ?`,
      )
      .run(JSON.stringify(known), nextPollAtMs, credentialId);
  }

  /** Notes that a poll failed; what was known stays. */
  fail(credentialId: number, { code, nextPollAtMs }: { code: string; nextPollAtMs: number }): void {
    this.#database
      .prepare(
        `UPDATE usage_reports SET next_poll_at_ms = ?, failures = failures + 1, last_error = ?
         WHERE credential_id = ?`,
      )
      .run(nextPollAtMs, code, credentialId);
  }

  /** Takes in what a client saw in an answer's headers. */
  feed(credentialId: number, limits: readonly MeasuredLimit[], nowMs: number): void {
    const fed = this.#fed.get(credentialId) ?? new Map<string, MeasuredLimit>();
    for (const each of limits) fed.set(each.limit.id, each);
    this.#fed.set(credentialId, fed);
    const sinceMs = nowMs - (this.#writtenAtMs.get(credentialId) ?? -Infinity);
    if (Math.abs(sinceMs) < FEED_WRITE_INTERVAL_MS) return;
    this.#write(credentialId);
    this.#writtenAtMs.set(credentialId, nowMs);
  }

  /**
   * Has credentials polled anew: now, or once `intervalMs` have passed since the last poll. One that fails keeps
   * its pause.
   */
  markStale(
    credentialIds: readonly number[],
    { nowMs, intervalMs }: { nowMs: number; intervalMs: number },
  ): void {
    const mark = this.#database.prepare(
      `UPDATE usage_reports
       SET next_poll_at_ms = MIN(next_poll_at_ms, MAX(@nowMs, COALESCE(polled_at_ms, 0) + @intervalMs))
       WHERE credential_id = @id AND failures = 0`,
    );
    this.#database.transaction(() => {
      for (const id of credentialIds) mark.run({ id, nowMs, intervalMs });
    })();
  }

  /** Writes down what is in memory only. */
  flush(): void {
    for (const credentialId of this.#fed.keys()) this.#write(credentialId);
  }

  #known(credentialId: number, text: string | null | undefined): Known {
    if (text === null || text === undefined) return NOTHING;
    const parsed = this.#parsed.get(credentialId);
    if (parsed?.text === text) return parsed.known;
    const known = parseKnown(text);
    this.#parsed.set(credentialId, { text, known });
    return known;
  }

  #write(credentialId: number): void {
    const fed = this.#fed.get(credentialId);
    if (fed === undefined) return;
    const { limits, metadata } = this.#known(credentialId, this.#select.get(credentialId)?.known);
    const known: Known = { limits: merged(limits, fed.values()), metadata };
    this.#database
      .prepare(
        `INSERT INTO usage_reports (credential_id, known, next_poll_at_ms) VALUES (?, ?, 0)
         ON CONFLICT DO UPDATE SET known = excluded.known`,
      )
      .run(credentialId, JSON.stringify(known));
    this.#fed.delete(credentialId);
  }
}

function merged(
  earlier: readonly MeasuredLimit[],
  later: Iterable<MeasuredLimit>,
): MeasuredLimit[] {
  const limits = new Map(earlier.map((each) => [each.limit.id, each]));
  for (const each of later) limits.set(each.limit.id, mergedOver(limits.get(each.limit.id), each));
  return [...limits.values()];
}

const NOTHING: Known = { limits: [], metadata: {} };

// A row that another version wrote, or a damaged one, is as good as none: it is asked for again.
function parseKnown(text: string): Known {
  try {
    return Known.safeParse(JSON.parse(text)).data ?? NOTHING;
  } catch {
    return NOTHING;
  }
}
