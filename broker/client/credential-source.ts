// What a consumer of credentials sees of any vault, near or far: the active ones of a provider.
// Refuses refresh tokens: those never leave the broker, so here they are always the redaction mark.

import type { Credential, CredentialBlock } from "#wire";

/** A credential with the id under which its broker knows it. */
export interface HeldCredential {
  readonly id: number;
  readonly credential: Credential;
  /** Cool-downs that any client told; absent when there is none. */
  readonly blocks?: readonly CredentialBlock[] | undefined;
}

/** Hands out credentials; cheap enough to be asked once per request. */
export interface CredentialSource {
  /** The active credentials of a provider, oldest first; empty when there is none. */
  entries(provider: string): readonly HeldCredential[];
  /** A credential as it can be used now: an expired grant is renewed first. Rejects when it cannot be. */
  fresh(id: number): Promise<Credential>;
  /** A grant renewed although its time is not over: its provider refused it. Rejects when it cannot be. */
  refresh?(id: number): Promise<Pick<HeldCredential, "credential">>;
  /** Tells every client of the vault to leave a credential alone for a while. */
  block?(id: number, block: CredentialBlock): Promise<void>;
}
