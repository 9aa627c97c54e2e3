// What clients say they used, added up per installation, hour, provider and model. The protocol has no batch
// number: an upload that is repeated counts twice, so clients do not repeat one. Refuses to grow with whatever
// names a client makes up.

import type { Database } from "#platform";
import type { ObservedUsageEntry, ObservedUsageUpload, UsageClient } from "#wire";
import { BrokerError } from "../errors.ts";
import type { SeesProvider } from "../vault/change-log.ts";

/** How long counts are kept, in ms. */
export const OBSERVED_RETENTION_MS = 30 * 24 * 60 * 60_000;
/** Most models told apart per installation, provider, app and hour; further ones count as OTHER_MODEL. */
export const MAX_MODELS_PER_HOUR = 100;
/** What further models count as. */
export const OTHER_MODEL = "(other)";
/** Most installations times providers times apps. */
export const MAX_CLIENT_ROWS = 10_000;
/** Most providers times apps of one installation. */
export const MAX_ROWS_PER_INSTALL = 64;
/** Most rows of counts; the oldest hours go first. */
export const MAX_OBSERVED_ROWS = 500_000;

/** How far back a client's clock is believed, in ms; what is older, or in the future, counts as now. */
const MAX_LATE_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
/** Sums stop here instead of overflowing. */
const MAX_COST_USD = 1e12;

interface CountRow extends Omit<ObservedUsageEntry, "at" | "model"> {
  readonly installId: string;
  readonly app: string;
  readonly hostname: string | null;
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** The counts of all clients of one broker. */
export class ObservedUsageLog {
  readonly #database: Database;
  #prunedAtMs = -Infinity;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Adds an upload up; entries of providers that the uploader does not see are left out. Throws BrokerError
   * `usage_clients_full` when there is no room for another client; nothing was counted then.
   */
  record(
    upload: ObservedUsageUpload,
    { sees, nowMs }: { sees: SeesProvider; nowMs: number },
  ): void {
    const entries = upload.entries.filter(({ provider }) => sees(provider));
    if (entries.length === 0) return;
    this.#database
      .transaction(() => {
        this.#prune(nowMs);
        for (const provider of new Set(entries.map((entry) => entry.provider))) {
          this.#touch(upload, provider, nowMs);
        }
        for (const entry of entries) this.#add(upload, entry, nowMs);
      })
      .immediate();
  }

  /** Clients that used a provider since a time, with what they used of each. */
  clients({ sinceMs = 0, sees }: { sinceMs?: number; sees: SeesProvider }): UsageClient[] {
    const clients = new Map<string, UsageClient>();
    for (const row of this.#rows(sinceMs)) {
      if (!sees(row.provider)) continue;
      const { installId, hostname, firstSeen, lastSeen, app, ...counts } = row;
      const known = clients.get(installId);
      const of = { ...(app !== "" && { app }), ...counts };
      clients.set(installId, {
        installId,
        hostname: known?.hostname ?? hostname ?? undefined,
        firstSeen: Math.min(known?.firstSeen ?? firstSeen, firstSeen),
        lastSeen: Math.max(known?.lastSeen ?? lastSeen, lastSeen),
        providers: [...(known?.providers ?? []), of],
      });
    }
    return [...clients.values()];
  }

  // Newest first, so that the first host name found is the latest that the reader may know of.
  #rows(sinceMs: number): CountRow[] {
    const whole = (column: string, as: string) =>
      `CAST(MIN(TOTAL(${column}), ${Number.MAX_SAFE_INTEGER}) AS INTEGER) AS ${as}`;
    return this.#database
      .prepare<[number, number], CountRow>(
        `SELECT install_id AS installId, provider, app, c.hostname,
           c.first_seen_ms AS firstSeen, c.last_seen_ms AS lastSeen,
           ${whole("o.requests", "requests")},
           ${whole("o.input_tokens", "inputTokens")},
           ${whole("o.output_tokens", "outputTokens")},
           ${whole("o.cache_read_tokens", "cacheReadTokens")},
           ${whole("o.cache_write_tokens", "cacheWriteTokens")},
           TOTAL(o.cost_usd) AS costUsd
         FROM usage_clients c LEFT JOIN
           (SELECT * FROM usage_observed WHERE hour_ms >= ?) o USING (install_id, provider, app)
         WHERE c.last_seen_ms >= ?
         GROUP BY install_id, provider, app
         ORDER BY c.last_seen_ms DESC, install_id, provider, app`,
      )
      .all(hourOf(sinceMs), sinceMs);
  }

  #touch({ installId, hostname, app = "" }: ObservedUsageUpload, provider: string, nowMs: number) {
    const key = { installId, provider, app };
    const isKnown = this.#database
      .prepare(
        "SELECT 1 FROM usage_clients WHERE install_id = @installId AND provider = @provider AND app = @app",
      )
      .get(key);
    if (!isKnown) this.#assertRoom(installId);
    this.#database
      .prepare(
        `INSERT INTO usage_clients (install_id, provider, app, hostname, first_seen_ms, last_seen_ms)
         VALUES (@installId, @provider, @app, @hostname, @nowMs, @nowMs)
         ON CONFLICT DO UPDATE SET last_seen_ms = MAX(last_seen_ms, @nowMs),
           hostname = COALESCE(@hostname, hostname)`,
      )
      .run({ ...key, hostname: hostname ?? null, nowMs });
  }

  #assertRoom(installId: string): void {
    const all = this.#count("SELECT COUNT(*) AS count FROM usage_clients");
    const own = this.#count(
      "SELECT COUNT(*) AS count FROM usage_clients WHERE install_id = ?",
      installId,
    );
    if (all < MAX_CLIENT_ROWS && own < MAX_ROWS_PER_INSTALL) return;
    throw new BrokerError("usage_clients_full", "there is no room for the usage of another client");
  }

  #add(
    { installId, app = "" }: ObservedUsageUpload,
    entry: ObservedUsageEntry,
    nowMs: number,
  ): void {
    const { provider } = entry;
    const isBelieved = entry.at <= nowMs && entry.at > nowMs - MAX_LATE_MS;
    const slot = { installId, provider, app, hourMs: hourOf(isBelieved ? entry.at : nowMs) };
    const { requests, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = entry;
    const sum = (column: string) =>
      `${column} = MIN(${column} + excluded.${column}, ${Number.MAX_SAFE_INTEGER})`;
    this.#database
      .prepare(
        `INSERT INTO usage_observed VALUES (@installId, @provider, @app, @hourMs, @model, @requests,
           @inputTokens, @outputTokens, @cacheReadTokens, @cacheWriteTokens, @costUsd)
         ON CONFLICT DO UPDATE SET ${sum("requests")}, ${sum("input_tokens")},
           ${sum("output_tokens")}, ${sum("cache_read_tokens")}, ${sum("cache_write_tokens")},
           cost_usd = MIN(cost_usd + excluded.cost_usd, ${MAX_COST_USD})`,
      )
      .run({
        ...slot,
        model: this.#modelName(slot, entry.model),
        requests,
        inputTokens,
        outputTokens,
        cacheReadTokens,
        cacheWriteTokens,
        costUsd: Math.min(entry.costUsd, MAX_COST_USD),
      });
  }

  #modelName(
    slot: { installId: string; provider: string; app: string; hourMs: number },
    model: string,
  ): string {
    const models = this.#database
      .prepare<[typeof slot], { model: string }>(
        `SELECT model FROM usage_observed WHERE install_id = @installId AND provider = @provider
           AND app = @app AND hour_ms = @hourMs LIMIT ${MAX_MODELS_PER_HOUR + 1}`,
      )
      .all(slot);
    const isRoom = models.length < MAX_MODELS_PER_HOUR;
    return isRoom || models.some((known) => known.model === model) ? model : OTHER_MODEL;
  }

  #prune(nowMs: number): void {
    if (Math.abs(nowMs - this.#prunedAtMs) < HOUR_MS) return;
    this.#prunedAtMs = nowMs;
    const oldestMs = nowMs - OBSERVED_RETENTION_MS;
    const removeOlder = this.#database.prepare("DELETE FROM usage_observed WHERE hour_ms < ?");
    removeOlder.run(oldestMs);
    this.#database.prepare("DELETE FROM usage_clients WHERE last_seen_ms < ?").run(oldestMs);
    const newest = this.#database
      .prepare<[number], { hourMs: number }>(
        "SELECT hour_ms AS hourMs FROM usage_observed ORDER BY hour_ms DESC LIMIT 1 OFFSET ?",
      )
      .get(MAX_OBSERVED_ROWS);
    if (newest) removeOlder.run(newest.hourMs + 1);
  }

  #count(sql: string, ...values: string[]): number {
    return this.#database.prepare<string[], { count: number }>(sql).get(...values)?.count ?? 0;
  }
}

function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS) * HOUR_MS;
}
