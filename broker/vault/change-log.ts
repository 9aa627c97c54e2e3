// Which credential changed when: the generation that clients follow, and what they missed since one.
// Refuses to let anyone count what they may not see: a reader of some providers gets numbers made from those
// alone. Writes only inside the transaction of the change itself.

import type { Database } from "#platform";

/** How many changes are remembered; a reader further behind starts over with a whole snapshot. */
export const MAX_CHANGES = 10_000;

/** Says whether a reader may know of a provider; absent for one who may know of all. */
export type SeesProvider = (provider: string) => boolean;

/** The last change of one credential, at the generation that its reader sees. */
export interface Change {
  readonly generation: number;
  readonly credentialId: number;
}

interface ChangeRow {
  readonly provider: string;
  readonly credentialId: number;
}

/** The log in an open vault file. */
export class ChangeLog {
  readonly #database: Database;
  readonly #selectGeneration;
  readonly #selectCounts;
  readonly #selectNewest;

  constructor(database: Database) {
    this.#database = database;
    this.#selectGeneration = database.prepare<[], { generation: number }>(
      "SELECT generation FROM meta",
    );
    this.#selectCounts = database.prepare<[], { provider: string; count: number }>(
      "SELECT provider, count FROM provider_changes",
    );
    this.#selectNewest = database.prepare<[], ChangeRow>(
      "SELECT provider, credential_id AS credentialId FROM changes ORDER BY generation DESC",
    );
  }

  /** Grows by one with every change that the reader may know of. */
  generation(sees?: SeesProvider): number {
    if (!sees) return this.#selectGeneration.get()?.generation ?? 0;
    const counts = this.#selectCounts.all().filter(({ provider }) => sees(provider));
    return counts.reduce((sum, { count }) => sum + count, 1);
  }

  /** What changed after a generation, one entry per credential, oldest first; undefined when that is not known any more. */
  since(generation: number, sees?: SeesProvider): Change[] | undefined {
    const current = this.generation(sees);
    let missing = current - generation;
    if (missing < 0) return undefined;
    const newest = new Map<number, Change>();
    if (missing === 0) return [];
    for (const { provider, credentialId } of this.#selectNewest.iterate()) {
      if (sees && !sees(provider)) continue;
      const change = { generation: generation + missing, credentialId };
      if (!newest.has(credentialId)) newest.set(credentialId, change);
      missing -= 1;
      if (missing === 0) return [...newest.values()].toReversed();
    }
    return undefined;
  }

  /**
   * Leaps to generations that no reader has seen and forgets every change, so that each starts over with a whole
   * snapshot: a restored vault would count through numbers that once stood for other changes. The caller holds
   * the transaction.
   */
  startOver(nowMs: number): void {
    // Nobody makes ten changes a second for good, so the time in tenths is ahead of any count of changes.
    const ahead = Math.floor(nowMs / 100);
    this.#database.prepare("UPDATE meta SET generation = max(generation + 1, ?)").run(ahead);
    this.#database.prepare("UPDATE provider_changes SET count = max(count + 1, ?)").run(ahead);
    this.#database.prepare("DELETE FROM changes").run();
  }

  /** Notes one change; the caller holds the transaction. */
  record(provider: string, credentialId: number): void {
    const row = this.#database
      .prepare<[], { generation: number }>(
        "UPDATE meta SET generation = generation + 1 RETURNING generation",
      )
      .get();
    const generation = row?.generation ?? 0;
    this.#database
      .prepare("INSERT INTO changes (generation, provider, credential_id) VALUES (?, ?, ?)")
      .run(generation, provider, credentialId);
    this.#database
      .prepare(
        `INSERT INTO provider_changes (provider, count) VALUES (?, 1)
         ON CONFLICT (provider) DO UPDATE SET count = count + 1`,
      )
      .run(provider);
    this.#database
      .prepare("DELETE FROM changes WHERE generation <= ?")
      .run(generation - MAX_CHANGES);
  }
}
