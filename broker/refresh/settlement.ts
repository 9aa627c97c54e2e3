// Turns the answer of an exchange into what the vault holds, in one transaction: the token, the tombstone or the
// record of a failure, and the end of the attempt. Refuses to touch a grant that is not the one that was used:
// a login or another process was first, and what it stored is newer.

import { retryDelayMs } from "#platform";
import type { RegisteredProvider } from "../oauth/registry.ts";
import type { Vault } from "../vault/vault.ts";
import type { ExchangeAnswer } from "./exchange-job.ts";
import { type Grant, grantOf, grantTag, isSameTag } from "./grant.ts";
import type { RefreshAttempt, RefreshAttempts } from "./refresh-attempts.ts";
import { type DefinitiveCode, isAboutClient, refreshOutcome } from "./refresh-outcome.ts";

/** The pause after the first failure, in ms; doubled by each further one. */
export const FIRST_PAUSE_MS = 60_000;
/** The longest pause between two tries, in ms, before jitter. */
export const MAX_PAUSE_MS = 900_000;

/** What became of an attempt. */
export type Settled =
  | { readonly kind: "rotated" }
  /** Somebody else settled it, or the grant was replaced or removed meanwhile. */
  | { readonly kind: "superseded" }
  /** Nobody knows whether the token is used up; it may be used once more, at once. */
  | { readonly kind: "lost" }
  | { readonly kind: "disabled"; readonly cause: string }
  | { readonly kind: "failed"; readonly reason: string; readonly retryAtMs: number };

/** What settling needs. */
export interface SettlementOptions {
  readonly vault: Vault;
  readonly attempts: RefreshAttempts;
  readonly providers: (id: string) => RegisteredProvider | undefined;
  readonly nowMs: () => number;
  readonly random: () => number;
}

interface Failure {
  readonly reason: string;
  readonly retryAfterMs?: number;
  readonly isLost?: boolean;
}

/** Settles attempts, each once. */
export class Settlement {
  readonly #vault: Vault;
  readonly #attempts: RefreshAttempts;
  readonly #options: SettlementOptions;

  constructor(options: SettlementOptions) {
    this.#options = options;
    this.#vault = options.vault;
    this.#attempts = options.attempts;
  }

  /** Durable when it returns. An absent answer is one that was lost with its child. */
  settle(attempt: RefreshAttempt, answer: ExchangeAnswer | undefined): Settled {
    return this.#vault.atomically(() => {
      // Read before anything is written: the vault must not remember what may yet be undone.
      const grant = grantOf(this.#vault.get(attempt.credentialId));
      if (!this.#attempts.end(attempt) || !grant || !this.#isUsed(grant, attempt)) {
        return { kind: "superseded" };
      }
      return this.#judge(attempt, grant, answer);
    });
  }

  /** Ends an attempt that was never sent; with a reason it counts as a failure. */
  abandon(attempt: RefreshAttempt, reason?: string): Settled {
    return this.#vault.atomically(() => {
      if (!this.#attempts.end(attempt) || reason === undefined) return { kind: "superseded" };
      return this.#failed(attempt, { reason });
    });
  }

  #judge(attempt: RefreshAttempt, grant: Grant, answer: ExchangeAnswer | undefined): Settled {
    const rules = this.#options.providers(grant.provider)?.descriptor.oauth;
    const context = {
      rules,
      previous: grant.credential,
      nowMs: this.#options.nowMs(),
      wallMs: Date.now(),
    };
    const outcome = refreshOutcome(answer, context);
    switch (outcome.kind) {
      case "rotated":
        this.#vault.rotate(grant.id, {
          usedRefresh: grant.credential.refresh,
          credential: outcome.credential,
        });
        this.#attempts.recordSuccess(grant.id, this.#options.nowMs());
        return { kind: "rotated" };
      case "rejected":
        return this.#rejected(attempt, grant, outcome.code);
      case "lost":
        return this.#lost(attempt, outcome.reason);
      case "transient":
        return this.#failed(attempt, outcome);
    }
  }

  #rejected(attempt: RefreshAttempt, grant: Grant, code: DefinitiveCode): Settled {
    if (isAboutClient(code) && this.#isOperatorsClient(grant)) {
      // The grant is alive: one wrong line in config.yml must not wipe every grant of the provider.
      return this.#failed(attempt, {
        reason: `the provider refuses the configured client (${code})`,
      });
    }
    const cause = rejectionCause(code, attempt);
    this.#vault.disable(grant.id, cause);
    return { kind: "disabled", cause };
  }

  // The first time it is worth an immediate retry: some providers forgive a replay within seconds.
  #lost(attempt: RefreshAttempt, reason: string): Settled {
    if (attempt.isRetry) return this.#failed(attempt, { reason });
    const { failures } = this.#failuresOf(attempt);
    this.#attempts.recordFailure({
      credentialId: attempt.credentialId,
      tag: attempt.usedTag,
      failures,
      retryAtMs: null,
      lastError: reason,
      isLost: 1,
    });
    return { kind: "lost" };
  }

  #failed(attempt: RefreshAttempt, { reason, retryAfterMs = 0 }: Failure): Settled {
    const { failures: before, isLost } = this.#failuresOf(attempt);
    const failures = before + 1;
    const { random, nowMs } = this.#options;
    const pauseMs = retryDelayMs(failures, {
      firstMs: FIRST_PAUSE_MS,
      maxMs: MAX_PAUSE_MS,
      random,
    });
    const retryAtMs = nowMs() + Math.max(pauseMs, Math.min(retryAfterMs, MAX_PAUSE_MS));
    this.#attempts.recordFailure({
      credentialId: attempt.credentialId,
      tag: attempt.usedTag,
      failures,
      retryAtMs,
      lastError: reason,
      isLost,
    });
    return { kind: "failed", reason, retryAtMs };
  }

  #failuresOf({ credentialId, usedTag }: RefreshAttempt): { failures: number; isLost: number } {
    const health = this.#attempts.health(credentialId);
    return health && isSameTag(health.tag, usedTag) ? health : { failures: 0, isLost: 0 };
  }

  #isUsed(grant: Grant, { usedTag }: RefreshAttempt): boolean {
    return isSameTag(usedTag, grantTag(this.#vault, grant));
  }

  // A client id that the provider issued to this very login belongs to the grant.
  #isOperatorsClient({ provider, credential }: Grant): boolean {
    const registered = this.#options.providers(provider);
    return registered !== undefined && registered.origin !== "built-in" && !credential["clientId"];
  }
}

/** The cause on the tombstone. */
function rejectionCause(code: DefinitiveCode, { isRetry }: RefreshAttempt): string {
  if (isAboutClient(code)) return `client_refused(${code})`;
  // Nobody revoked it: the provider replaced the token, and its answer never came.
  return isRetry ? "needs_login(lost_response)" : `needs_login(${code})`;
}
