// Which stored grants may be renewed here, and by which request. Refuses quarantined vaults, API keys and grants
// whose provider nobody can ask, each with its reason.

import type { Environment } from "#platform";
import { resolveConfigValue } from "../config-value.ts";
import { BrokerError } from "../errors.ts";
import { canRefresh, refreshRequest } from "../oauth/refresh-request.ts";
import type { RegisteredProvider } from "../oauth/registry.ts";
import type { TokenRequest } from "../oauth/token-request.ts";
import type { Vault } from "../vault/vault.ts";
import { type Grant, grantOf } from "./grant.ts";
import { RefreshError } from "./refresh-error.ts";

/** Where grants and their rules come from. */
interface RenewableGrantsOptions {
  readonly vault: Vault;
  readonly providers: (id: string) => RegisteredProvider | undefined;
  readonly env: Environment;
}

/** The grants of a vault, as far as they can be renewed. */
export class RenewableGrants {
  readonly #options: RenewableGrantsOptions;

  constructor(options: RenewableGrantsOptions) {
    this.#options = options;
  }

  /** Every active grant, renewable or not. */
  all(): Grant[] {
    return this.#options.vault.read().credentials.flatMap((stored) => grantOf(stored) ?? []);
  }

  /** A grant that can be renewed now. Throws RefreshError. */
  get(id: number): Grant {
    const { vault } = this.#options;
    const stored = vault.get(id);
    if (!stored) {
      throw new RefreshError("credential_unknown", `there is no active credential ${id}`);
    }
    const grant = grantOf(stored);
    if (!grant) {
      throw new RefreshError("not_oauth", `credential ${id} is an API key; it does not expire`);
    }
    if (vault.quarantinedAtMs !== null) {
      throw new RefreshError("quarantined", "the vault was restored from a backup", {
        fix: "Make sure no other broker uses these grants, then run `agent auth-broker unquarantine`.",
      });
    }
    const obstacle = this.obstacle(grant);
    if (obstacle === undefined) return grant;
    const problem = `${grant.provider} cannot be refreshed: ${obstacle}`;
    throw new RefreshError("refresh_not_possible", problem);
  }

  /** Why a grant cannot be renewed here, quarantine aside; safe to show. */
  obstacle({ provider, credential }: Grant): string | undefined {
    const possible = canRefresh(provider, this.#rulesOf(provider), credential);
    return possible === true ? undefined : possible;
  }

  /** The request that renews a grant; the operator's client secret is read now. Throws RefreshError. */
  async request({ provider, credential }: Grant): Promise<TokenRequest> {
    const clientSecret = await this.#clientSecret(provider);
    return refreshRequest(provider, this.#rulesOf(provider), credential, { clientSecret });
  }

  async #clientSecret(provider: string): Promise<string | undefined> {
    const flow = this.#rulesOf(provider)?.flow;
    if (!flow || flow.kind === "key" || flow.clientSecret === undefined) return undefined;
    try {
      return (await resolveConfigValue(flow.clientSecret, this.#options.env))?.reveal();
    } catch (cause) {
      if (!(cause instanceof BrokerError)) throw cause;
      const { message, fix } = cause;
      const options = { cause, ...(fix !== undefined && { fix }) };
      throw new RefreshError("refresh_not_possible", `${provider}: ${message}`, options);
    }
  }

  #rulesOf(provider: string) {
    return this.#options.providers(provider)?.descriptor.oauth;
  }
}
