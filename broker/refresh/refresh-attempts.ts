// Who refreshes which credential right now, and how the last tries went: the rows that make it one exchange at a
// time over all processes, and that survive each of them. Refuses to wait: no transaction spans the exchange.

import type { Database } from "#platform";

/** How long an attempt counts as its owner's, in ms; longer than a child's time-out and its margin. */
export const LEASE_MS = 60_000;

/** An attempt on its way. */
export interface RefreshAttempt {
  readonly credentialId: number;
  readonly attemptId: string;
  readonly fence: number;
  /** JSON of an AttemptOwner. */
  readonly owner: string;
  /** Keyed hash of the refresh token that it uses. */
  readonly usedTag: Uint8Array;
  /** 1 when the same token was used before, by an attempt whose answer was lost. */
  readonly isRetry: number;
  readonly startedAtMs: number;
  readonly leaseUntilMs: number;
}

/** How refreshing one credential went lately. */
export interface RefreshHealth {
  readonly credentialId: number;
  /** The grant that failures are about: those of another are history. */
  readonly tag: Uint8Array | null;
  readonly failures: number;
  readonly retryAtMs: number | null;
  readonly lastError: string | null;
  /** 1 when an answer for this grant was lost. */
  readonly isLost: number;
  readonly lastSuccessAtMs: number | null;
}

/** What is recorded of a failure. */
export type FailureRecord = Pick<
  RefreshHealth,
  "credentialId" | "tag" | "failures" | "retryAtMs" | "lastError" | "isLost"
>;

const ATTEMPT_COLUMNS = `credential_id AS credentialId, attempt_id AS attemptId, fence, owner,
  used_tag AS usedTag, is_retry AS isRetry, started_at_ms AS startedAtMs, lease_until_ms AS leaseUntilMs`;
const HEALTH_COLUMNS = `credential_id AS credentialId, tag, failures, retry_at_ms AS retryAtMs,
  last_error AS lastError, is_lost AS isLost, last_success_at_ms AS lastSuccessAtMs`;

/** The two tables in an open vault file; writes belong into a transaction of the caller. */
export class RefreshAttempts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The attempt on a credential that is not settled yet. */
  find(credentialId: number): RefreshAttempt | undefined {
    return this.#database
      .prepare<[number], RefreshAttempt>(
        `SELECT ${ATTEMPT_COLUMNS} FROM refresh_attempts WHERE credential_id = ?`,
      )
      .get(credentialId);
  }

  all(): RefreshAttempt[] {
    return this.#database
      .prepare<[], RefreshAttempt>(`SELECT ${ATTEMPT_COLUMNS} FROM refresh_attempts`)
      .all();
  }

  /** Writes the intent down, with the next fence of its credential. There must be no other attempt. */
  begin(attempt: Omit<RefreshAttempt, "fence">): RefreshAttempt {
    const { fence } = this.#database
      .prepare<[number], { fence: number }>(
        `INSERT INTO refresh_health (credential_id, fence) VALUES (?, 1)
         ON CONFLICT (credential_id) DO UPDATE SET fence = fence + 1 RETURNING fence`,
      )
      .get(attempt.credentialId) ?? { fence: 0 };
    this.#database
      .prepare(
        `INSERT INTO refresh_attempts (credential_id, attempt_id, fence, owner, used_tag, is_retry,
           started_at_ms, lease_until_ms)
         VALUES (@credentialId, @attemptId, @fence, @owner, @usedTag, @isRetry, @startedAtMs, @leaseUntilMs)`,
      )
      .run({ ...attempt, fence });
    return { ...attempt, fence };
  }

  /** Ends an attempt; false when another process has ended it before. */
  end({ attemptId, fence }: RefreshAttempt): boolean {
    const { changes } = this.#database
      .prepare("DELETE FROM refresh_attempts WHERE attempt_id = ? AND fence = ?")
      .run(attemptId, fence);
    return changes > 0;
  }

  health(credentialId: number): RefreshHealth | undefined {
    return this.#database
      .prepare<[number], RefreshHealth>(
        `SELECT ${HEALTH_COLUMNS} FROM refresh_health WHERE credential_id = ?`,
      )
      .get(credentialId);
  }

  allHealth(): RefreshHealth[] {
    return this.#database
      .prepare<[], RefreshHealth>(`SELECT ${HEALTH_COLUMNS} FROM refresh_health`)
      .all();
  }

  recordSuccess(credentialId: number, nowMs: number): void {
    this.#database
      .prepare(
        `UPDATE refresh_health SET tag = NULL, failures = 0, retry_at_ms = NULL, last_error = NULL,
           is_lost = 0, last_success_at_ms = ? WHERE credential_id = ?`,
      )
      .run(nowMs, credentialId);
  }

  recordFailure(failure: FailureRecord): void {
    this.#database
      .prepare(
        `UPDATE refresh_health SET tag = @tag, failures = @failures, retry_at_ms = @retryAtMs,
           last_error = @lastError, is_lost = @isLost WHERE credential_id = @credentialId`,
      )
      .run(failure);
  }
}
