// The local vault as a consumer of credentials sees it: by provider, refresh tokens taken out.
// Follows the vault's generation, so that a key added by another process counts from the next request.

import { redactCredential } from "#wire";
import type { CredentialSource, HeldCredential } from "../client/credential-source.ts";
import type { StoredCredential, Vault } from "./vault.ts";

/** A CredentialSource over a vault in this process. */
export class VaultCredentials implements CredentialSource {
  readonly #vault: Vault;
  #generation = -1;
  #byProvider: ReadonlyMap<string, readonly HeldCredential[]> = new Map();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  entries(provider: string): readonly HeldCredential[] {
    const content = this.#vault.read();
    if (content.generation !== this.#generation) {
      this.#generation = content.generation;
      this.#byProvider = Map.groupBy(content.credentials.map(held), ({ provider: id }) => id);
    }
    return this.#byProvider.get(provider) ?? [];
  }
}

function held({ id, provider, credential }: StoredCredential) {
  return { id, provider, credential: redactCredential(credential) };
}
