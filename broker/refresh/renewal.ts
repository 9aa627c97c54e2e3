// One renewal of one grant, from the intent to what the vault holds afterwards, by us or by whoever was first.
// Refuses to begin while the credential backs off and while another attempt may still be on its way.

import type { Clock, Logger } from "#platform";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { CHILD_MARGIN_MS, type Exchanges } from "./exchanges.ts";
import { type Grant, grantTag, isSameTag } from "./grant.ts";
import type { OpenAttempts } from "./open-attempts.ts";
import { LEASE_MS, type RefreshAttempt, type RefreshAttempts } from "./refresh-attempts.ts";
import { RefreshError } from "./refresh-error.ts";
import type { RenewableGrants } from "./renewable-grants.ts";
import type { Settled } from "./settlement.ts";
import type { Spool } from "./spool.ts";

/** What a renewal works with. */
interface RenewalOptions {
  readonly vault: Vault;
  readonly grants: RenewableGrants;
  readonly attempts: RefreshAttempts;
  readonly open: OpenAttempts;
  readonly spool: Spool;
  readonly exchanges: Exchanges;
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws when nothing more may begin. */
  readonly assertRunning: () => void;
}

type Begun =
  | { readonly kind: "renewed"; readonly stored: StoredCredential }
  | { readonly kind: "open"; readonly attempt: RefreshAttempt }
  | { readonly kind: "begun"; readonly attempt: RefreshAttempt };

/** Renews grants; the caller sees to it that each is renewed once at a time in this process. */
export class Renewal {
  readonly #options: RenewalOptions;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** The grant as it is stored when it is not the one any more that the caller has seen. Throws RefreshError. */
  async run(seen: Grant): Promise<StoredCredential> {
    const { grants, open, exchanges, assertRunning } = this.#options;
    const request = await grants.request(seen);
    for (;;) {
      assertRunning();
      const begun = this.#begin(seen);
      if (begun.kind === "renewed") return begun.stored;
      if (begun.kind === "begun") await exchanges.run(begun.attempt.attemptId, request);
      const isOurs = begun.kind === "begun";
      const settled = await open.finish(begun.attempt, {
        waitMs: isOurs ? 0 : exchanges.limitMs,
        ...(isOurs && { unsent: "the request could not be sent from here" }),
      });
      const stored = this.#afterwards(seen, settled);
      if (stored) return stored;
    }
  }

  /** Finishes an attempt that a crash left; true when its token has to be used once more. Throws RefreshError. */
  async finish(attempt: RefreshAttempt): Promise<boolean> {
    const { vault, open, exchanges } = this.#options;
    const id = attempt.credentialId;
    const provider = vault.get(id)?.provider ?? "";
    const settled = await open.finish(attempt, { waitMs: exchanges.limitMs });
    this.#afterwards({ id, provider }, settled);
    return settled.kind === "lost";
  }

  // The intent is durable before the child starts. Its file is there first: an attempt whose file is gone was
  // taken back, and its child will find that out.
  #begin(seen: Grant): Begun {
    const { spool, vault } = this.#options;
    const attemptId = crypto.randomUUID();
    spool.prepare(attemptId);
    let begun: Begun | undefined;
    try {
      begun = vault.atomically(() => this.#intend(seen, attemptId));
      return begun;
    } finally {
      if (begun?.kind !== "begun") spool.remove(attemptId);
    }
  }

  #intend(seen: Grant, attemptId: string): Begun {
    const { vault, grants, attempts, open, exchanges, clock } = this.#options;
    const grant = grants.get(seen.id);
    const { refresh, access } = grant.credential;
    if (refresh !== seen.credential.refresh || access !== seen.credential.access) {
      return { kind: "renewed", stored: grant };
    }
    const other = attempts.find(grant.id);
    if (other) return { kind: "open", attempt: other };
    const usedTag = grantTag(vault, grant);
    const health = attempts.health(grant.id);
    const isSameGrant = isSameTag(health?.tag, usedTag);
    const nowMs = clock.nowMs();
    if (isSameGrant && health?.retryAtMs != null && health.retryAtMs > nowMs) {
      throw backingOff(health.lastError ?? "the last refresh failed", health.retryAtMs);
    }
    const attempt = attempts.begin({
      credentialId: grant.id,
      attemptId,
      owner: open.owner,
      usedTag,
      isRetry: isSameGrant ? (health?.isLost ?? 0) : 0,
      startedAtMs: nowMs,
      leaseUntilMs: nowMs + Math.max(LEASE_MS, exchanges.limitMs + CHILD_MARGIN_MS),
    });
    return { kind: "begun", attempt };
  }

  /** The grant to return; undefined when there is another round to go. */
  #afterwards(
    { id, provider }: Pick<Grant, "id" | "provider">,
    settled: Settled,
  ): StoredCredential | undefined {
    const { log, vault } = this.#options;
    switch (settled.kind) {
      case "rotated":
        log.info("a grant was refreshed", { id, provider });
        return vault.get(id);
      case "superseded":
        return undefined;
      case "lost":
        log.warn("the answer of a refresh was lost; its token is used once more", { id, provider });
        return undefined;
      case "disabled":
        log.error("a grant is over", { id, provider, cause: settled.cause });
        throw new RefreshError(
          "refresh_rejected",
          `the provider ${provider} does not renew this grant any more: ${settled.cause}`,
          { fix: `Log in again: agent auth-broker login ${provider}` },
        );
      case "failed":
        log.warn("a refresh failed", { id, provider, reason: settled.reason });
        throw new RefreshError("provider_unreachable", `${provider}: ${settled.reason}`, {
          retryAtMs: settled.retryAtMs,
        });
    }
  }
}

function backingOff(reason: string, retryAtMs: number): RefreshError {
  return new RefreshError("refresh_backing_off", `not tried again yet: ${reason}`, {
    fix: "Wait until then, or log in again.",
    retryAtMs,
  });
}
