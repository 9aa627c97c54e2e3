// Which key goes with a request. The ladder: the operator's `apiKey` for the provider, a key of the broker, a login
// of the broker where the provider takes its tokens, a key the environment offers. The caller's own token is never among them, and a key is only ever
// handed to the provider it belongs to.

import { resolveConfigValue, type CredentialSource, type HeldCredential } from "#broker/client";
import type { Environment } from "#platform";
import { UpstreamFailed } from "../errors.ts";
import type { ProviderConfig } from "../providers/operator.ts";
import type { Provider } from "../providers/provider.ts";

/** Where a key came from; logged, never with the key. */
export type KeySource = "config" | "broker" | "environment" | "none";

/** A key for one request. */
export interface Lease {
  /** Empty where the provider needs none. */
  readonly key: string;
  readonly source: KeySource;
  /** The broker's id of the credential; absent for other sources. */
  readonly credentialId?: number;
}

/** What the ladder climbs. */
export interface KeySources {
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  readonly broker: CredentialSource;
  /** Keys the environment offers, by provider id. */
  readonly environmentKeys: ReadonlyMap<string, string>;
  readonly env: Environment;
}

/** Leases keys from the sources in order. */
export class KeyLeases {
  readonly #sources: KeySources;
  // A `!command` may take seconds and prompt for a fingerprint: it runs once per provider, not per request.
  readonly #configured = new Map<string, Promise<string | undefined>>();

  constructor(sources: KeySources) {
    this.#sources = sources;
  }

  /** True when `lease` would find a key; asked for every model listing, so it runs no command. */
  hasKey(provider: Provider): boolean {
    return (
      !provider.needsKey ||
      this.#sources.providers[provider.id]?.apiKey !== undefined ||
      this.#stored(provider.id) !== undefined ||
      this.#grant(provider) !== undefined ||
      this.#sources.environmentKeys.has(provider.id)
    );
  }

  /** Throws UpstreamFailed (`upstream_auth`) with the fix when the provider needs a key and none is there. */
  async lease(provider: Provider): Promise<Lease> {
    const configured = await this.#configuredKey(provider.id);
    if (configured !== undefined) return { key: configured, source: "config" };
    const stored = this.#stored(provider.id);
    if (stored !== undefined) return { ...stored, source: "broker" };
    const grant = this.#grant(provider);
    if (grant !== undefined) return this.#accessToken(provider, grant.id);
    const offered = this.#sources.environmentKeys.get(provider.id);
    if (offered !== undefined) return { key: offered, source: "environment" };
    if (!provider.needsKey) return { key: "", source: "none" };
    throw new UpstreamFailed({
      kind: "upstream_auth",
      code: "no_credential",
      message: `No credential for ${provider.name} is available to the gateway. Its operator can add one to the broker or set the provider's API key in the gateway's environment; \`agent auth-broker list\` shows what is there.`,
    });
  }

  #stored(providerId: string): Required<Pick<Lease, "key" | "credentialId">> | undefined {
    const stored = this.#sources.broker.entries(providerId);
    // The newest: whoever adds a key beside an old one means it to be used.
    const newest = stored.findLast(({ credential }) => credential.type === "api_key");
    if (newest?.credential.type !== "api_key") return undefined;
    return { key: newest.credential.key, credentialId: newest.id };
  }

  #grant({ id, takesGrants }: Provider): HeldCredential | undefined {
    if (!takesGrants) return undefined;
    return this.#sources.broker
      .entries(id)
      .findLast(({ credential }) => credential.type === "oauth");
  }

  async #accessToken({ name }: Provider, credentialId: number): Promise<Lease> {
    try {
      const credential = await this.#sources.broker.fresh(credentialId);
      const key = credential.type === "oauth" ? credential.access : credential.key;
      return { key, source: "broker", credentialId };
    } catch (cause) {
      throw new UpstreamFailed(
        {
          kind: "upstream_auth",
          code: "credential_not_renewed",
          message: `The login for ${name} has run out and could not be renewed now; \`agent auth-broker doctor\` on the broker's host says why.`,
        },
        { cause },
      );
    }
  }

  #configuredKey(providerId: string): Promise<string | undefined> {
    const text = this.#sources.providers[providerId]?.apiKey;
    if (text === undefined) return Promise.resolve(undefined);
    const known = this.#configured.get(providerId);
    if (known) return known;
    const resolving = this.#resolve(providerId, text);
    this.#configured.set(providerId, resolving);
    return resolving;
  }

  async #resolve(providerId: string, text: string): Promise<string | undefined> {
    try {
      const secret = await resolveConfigValue(text, this.#sources.env);
      return secret?.reveal();
    } catch (cause) {
      this.#configured.delete(providerId);
      throw new UpstreamFailed(
        {
          kind: "upstream_auth",
          code: "no_credential",
          message: `The apiKey configured for provider "${providerId}" could not be resolved; \`agent doctor\` on the gateway's host says why.`,
        },
        { cause },
      );
    }
  }
}
