// Turns the token of a request into who it is, or into the refusal: the one gate of every route that needs a bearer.
// Refuses without saying why, slows down whoever keeps guessing, and never a right token.

import { matchToken } from "#platform";
import type { AuditEvent } from "./audit-event.ts";
import { AuthFailures } from "./auth-failures.ts";
import type { ClientTokens } from "./client-tokens.ts";
import { OWNER, type Principal } from "./principal.ts";
import { RefusedAttempts } from "./refused-attempts.ts";

/** The answer of the gate: who it is; or 401; or, with a time to wait in whole seconds, 429. */
export type Admission =
  | { readonly principal: Principal }
  | { readonly principal: undefined; readonly retryAfterSeconds: number | undefined };

/** A request as the gate sees it; `address` is undefined on a Unix socket. */
export interface Attempt {
  readonly candidate: string | undefined;
  readonly address: string | undefined;
  readonly requestId?: string | undefined;
}

/** Knows the owner's token and those of the clients. */
export class Authenticator {
  readonly #isOwner: (candidate: string) => boolean;
  readonly #tokens: ClientTokens;
  readonly #failures: AuthFailures;
  readonly #refused: RefusedAttempts;

  /** `record` gets what the audit log should know of refusals; it must not throw. */
  constructor({
    ownerToken,
    tokens,
    record,
    failures = new AuthFailures(),
  }: {
    ownerToken: string;
    tokens: ClientTokens;
    record: (event: AuditEvent) => void;
    failures?: AuthFailures;
  }) {
    this.#isOwner = matchToken(ownerToken);
    this.#tokens = tokens;
    this.#failures = failures;
    this.#refused = new RefusedAttempts(record);
  }

  /** Decides about one request. Throws when the vault's file cannot be read. */
  admit({ candidate, address, requestId }: Attempt): Admission {
    const principal = candidate === undefined ? undefined : this.#identify(candidate);
    if (principal) return { principal };
    const reason =
      candidate === undefined ? "no usable token" : "unknown, expired or revoked token";
    this.#refused.note({ address, reason, requestId });
    const waitMs = this.#failures.fail(address);
    return {
      principal: undefined,
      retryAfterSeconds: waitMs === undefined ? undefined : Math.ceil(waitMs / 1000),
    };
  }

  /** Records the refusals that were only counted so far; call it before the audit log is closed. */
  close(): void {
    this.#refused.sumUp();
  }

  // Both are always compared, so that the time does not tell the owner's token from a client's.
  #identify(candidate: string): Principal | undefined {
    const client = this.#tokens.authenticate(candidate);
    return this.#isOwner(candidate) ? OWNER : client;
  }
}
