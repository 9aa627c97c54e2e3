// The credentials of the primary as a worker sees them: what there is, is told; a login that must be usable now is asked
// for, so that a gateway has one connection to its broker however many workers serve.

import type { CredentialSource, HeldCredential } from "#broker/client";
import { registerSecret } from "#platform";
import type { Credential, CredentialBlock } from "#wire";
import type { ProviderCredentials, ToPrimary } from "./protocol.ts";

/** A CredentialSource over the primary's. */
export class MirroredCredentials implements CredentialSource {
  readonly #primary: ToPrimary;
  #held: ProviderCredentials = {};
  /** Absent where the primary's source cannot. */
  readonly refresh?: (id: number) => Promise<Pick<HeldCredential, "credential">>;

  constructor(primary: ToPrimary, { canRefresh }: { canRefresh: boolean }) {
    this.#primary = primary;
    if (canRefresh) {
      this.refresh = async (credentialId) => ({
        credential: hidden(await primary.ask("refresh", { credentialId })),
      });
    }
  }

  /** Takes what the primary told. */
  learn(held: ProviderCredentials): void {
    for (const { credential } of Object.values(held).flat()) hidden(credential);
    this.#held = held;
  }

  entries(provider: string): readonly HeldCredential[] {
    return this.#held[provider] ?? [];
  }

  async fresh(credentialId: number): Promise<Credential> {
    return hidden(await this.#primary.ask("fresh", { credentialId }));
  }

  async block(credentialId: number, block: CredentialBlock): Promise<void> {
    await this.#primary.ask("block", { credentialId, block });
  }
}

function hidden(credential: Credential): Credential {
  registerSecret(credential.type === "oauth" ? credential.access : credential.key);
  return credential;
}
