// The local vault as a consumer of credentials sees it: by provider, refresh tokens taken out.
// Follows the vault's generation, so that a key added by another process counts from the next request.

import { type Credential, type CredentialBlock, redactCredential } from "#wire";
import type { CredentialSource, HeldCredential } from "../client/credential-source.ts";
import type { StoredCredential, Vault } from "./vault.ts";

/** A CredentialSource over a vault in this process. */
export class VaultCredentials implements CredentialSource {
  readonly #vault: Vault;
  readonly #refresh: (id: number) => Promise<StoredCredential>;
  readonly #nowMs: () => number;
  #generation = -1;
  #byProvider: ReadonlyMap<string, readonly HeldCredential[]> = new Map();

  constructor(
    vault: Vault,
    {
      refresh,
      nowMs = Date.now,
    }: { refresh: (id: number) => Promise<StoredCredential>; nowMs?: () => number },
  ) {
    this.#vault = vault;
    this.#refresh = refresh;
    this.#nowMs = nowMs;
  }

  entries(provider: string): readonly HeldCredential[] {
    const content = this.#vault.read();
    if (content.generation !== this.#generation) {
      this.#generation = content.generation;
      this.#byProvider = Map.groupBy(content.credentials.map(held), ({ provider: id }) => id);
    }
    return this.#byProvider.get(provider) ?? [];
  }

  async fresh(id: number): Promise<Credential> {
    const credential = this.#vault.get(id)?.credential;
    const isUsable = credential?.type === "api_key" || (credential?.expires ?? 0) > this.#nowMs();
    // An unknown id goes that way too: the refresher says what is wrong with it.
    return redactCredential(
      credential && isUsable ? credential : (await this.#refresh(id)).credential,
    );
  }

  async refresh(id: number): Promise<Pick<HeldCredential, "credential">> {
    const { credential } = await this.#refresh(id);
    return { credential: redactCredential(credential) };
  }

  async block(id: number, { providerKey, blockScope, blockedUntilMs }: CredentialBlock) {
    // The vault keeps whole milliseconds; a block must not end early.
    const wholeMs = Math.ceil(blockedUntilMs);
    this.#vault.block(id, { providerKey, blockScope, blockedUntilMs: wholeMs });
  }
}

function held({ id, provider, credential, blocks }: StoredCredential) {
  return { id, provider, credential: redactCredential(credential), blocks };
}
