// The local vault as a consumer of credentials sees it: by provider, refresh tokens taken out.
// Follows the vault's generation, so that a key added by another process counts from the next request.

import { type Credential, redactCredential } from "#wire";
import { byProvider, type CredentialSource } from "../client/credential-source.ts";
import type { Vault } from "./vault.ts";

/** A CredentialSource over a vault in this process. */
export class VaultCredentials implements CredentialSource {
  readonly #vault: Vault;
  #generation = -1;
  #byProvider: ReadonlyMap<string, readonly Credential[]> = new Map();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  credentials(provider: string): readonly Credential[] {
    const content = this.#vault.read();
    if (content.generation !== this.#generation) {
      this.#generation = content.generation;
      this.#byProvider = byProvider(
        content.credentials.map((stored) => ({
          provider: stored.provider,
          credential: redactCredential(stored.credential),
        })),
      );
    }
    return this.#byProvider.get(provider) ?? [];
  }
}
