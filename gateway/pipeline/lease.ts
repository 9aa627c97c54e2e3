// Which keys there are for a provider, and the one that goes with a request. The ladder: the operator's `apiKey`, keys
// of the broker, logins of the broker where the provider takes their tokens, a key the environment offers. A caller's
// own credential is never among them (own-credential.ts), and a key is only ever handed to the provider it belongs to.

import { resolveConfigValue, type CredentialSource } from "#broker/client";
import type { Environment } from "#platform";
import type { Credential, CredentialBlock } from "#wire";
import { UpstreamFailed } from "../errors.ts";
import type { ProviderConfig } from "../providers/operator.ts";
import type { Provider } from "../providers/provider.ts";
import { KeyUnusable, type ExchangedKey } from "../providers/exchange.ts";
import type { ExchangedKeys } from "./exchanged-keys.ts";
import type { OwnCredential } from "./own-credential.ts";

/** Where a key came from; logged, never with the key. */
export type KeySource = "config" | "broker" | "environment" | "caller" | "none";

/** One account of a provider; holds no key. */
export interface Account {
  /** Unique in this gateway, stable over requests, safe to log. */
  readonly key: string;
  readonly source: KeySource;
  /** The broker's id of the credential; absent for other sources. */
  readonly credentialId?: number;
  /** True for a login, whose access token can be renewed. */
  readonly isGrant: boolean;
  /** Cool-downs that any gateway told the broker. */
  readonly blocks?: readonly CredentialBlock[] | undefined;
}

/** The key under which an account is remembered. */
export function accountKey(
  providerId: string,
  { source, credentialId }: Pick<Account, "source" | "credentialId">,
): string {
  return `${providerId} ${credentialId ?? source}`;
}

/** A key for one request. */
export interface Lease {
  /** Empty where the provider needs none, or the caller brings its own. */
  readonly key: string;
  readonly source: KeySource;
  /** The broker's id of the credential; absent for other sources. */
  readonly credentialId?: number;
  /** Sent with the key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the caller brings; shown in place of a key. */
  readonly own?: OwnCredential;
}

/** What the ladder climbs. */
export interface KeySources {
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  readonly broker: CredentialSource;
  /** Keys the environment offers, by provider id. */
  readonly environmentKeys: ReadonlyMap<string, string>;
  readonly env: Environment;
  /** Makes what is shown of keys that are not shown themselves. */
  readonly exchanged: Pick<ExchangedKeys, "take">;
}

/** Leases keys from the sources in order. */
export class KeyLeases {
  readonly #sources: KeySources;
  // A `!command` may take seconds and prompt for a fingerprint: it runs once per provider, and again when what it
  // printed was refused; not per request.
  readonly #configured = new Map<string, Promise<string | undefined>>();

  constructor(sources: KeySources) {
    this.#sources = sources;
  }

  /** True when there is a key; asked for every model listing, so it runs no command. */
  hasKey(provider: Provider): boolean {
    return this.accounts(provider).length > 0;
  }

  /** The key of the first account, where any will do. Throws what `take` throws. */
  async lease(provider: Provider): Promise<Lease> {
    const [first] = this.accounts(provider);
    if (!first) throw this.nothingFor(provider);
    return this.take(provider, first);
  }

  /** The accounts of the highest rung of the ladder that has any: keys of the broker before its logins. */
  accounts(provider: Provider): readonly Account[] {
    const { id } = provider;
    if (this.#sources.providers[id]?.apiKey !== undefined) return [this.#account(id, "config")];
    const stored = this.#stored(provider);
    if (stored.length > 0) return stored;
    if (this.#sources.environmentKeys.has(id)) return [this.#account(id, "environment")];
    return provider.needsKey ? [] : [this.#account(id, "none")];
  }

  /**
   * The key of an account, usable now; another than `refused` where that is given and `canRenew`. Throws UpstreamFailed
   * (`upstream_auth`) with the fix when there is none.
   */
  async take(
    provider: Provider,
    account: Account,
    { refused }: { refused?: string | undefined } = {},
  ): Promise<Lease> {
    const { source, credentialId } = account;
    const id = credentialId !== undefined && { credentialId };
    const key = await this.#kept(provider, account, refused);
    if (key === undefined && source !== "none") throw noCredential(provider);
    if (!provider.exchange || key === undefined) return { key: key ?? "", source, ...id };
    const { token, headers } = await this.#exchanged(provider, account, { key, refused });
    return { key: token, source, ...id, ...(headers && { headers }) };
  }

  /** The key as it is kept. */
  async #kept(
    provider: Provider,
    { source, credentialId, isGrant }: Account,
    refused: string | undefined,
  ): Promise<string | undefined> {
    if (credentialId === undefined) {
      return source === "config"
        ? this.#configuredKey(provider.id, refused)
        : this.#sources.environmentKeys.get(provider.id);
    }
    return isGrant
      ? this.#accessToken(provider, credentialId, refused)
      : this.#storedKey(provider.id, credentialId);
  }

  async #exchanged(
    provider: Provider,
    account: Account,
    { key, refused }: { key: string; refused: string | undefined },
  ): Promise<ExchangedKey> {
    const { exchange } = provider;
    if (!exchange) throw new Error("asked only where there is one");
    const { exchanged } = this.#sources;
    try {
      return await exchanged.take(account.key, { key, refused, exchange });
    } catch (error) {
      // A login's token may have ended before its time; a renewed one may be exchanged.
      if (!(error instanceof KeyUnusable) || !account.isGrant) throw error;
      const renewed = await this.#kept(provider, account, key);
      if (renewed === undefined || renewed === key) throw error;
      return exchanged.take(account.key, { key: renewed, refused, exchange });
    }
  }

  /** What a caller is told of a provider without an account that can be used, a login that cannot be among them. */
  nothingFor(provider: Provider): UpstreamFailed {
    const isUnusable = (held: { credential: Credential }) => held.credential.type === "oauth";
    const hasLogin =
      !provider.takesGrants && this.#sources.broker.entries(provider.id).some(isUnusable);
    return hasLogin ? unusableLogin(provider) : noCredential(provider);
  }

  /** True when `take` may have another key than one that was refused. */
  canRenew({ id, exchange }: Provider, { isGrant, source }: Account): boolean {
    if (isGrant || exchange) return true;
    return source === "config" && isCommand(this.#sources.providers[id]?.apiKey);
  }

  #account(providerId: string, source: KeySource): Account {
    return { key: accountKey(providerId, { source }), source, isGrant: false };
  }

  #stored({ id, takesGrants }: Provider): Account[] {
    const keys: Account[] = [];
    const grants: Account[] = [];
    for (const { id: credentialId, credential, blocks } of this.#sources.broker.entries(id)) {
      const isGrant = credential.type === "oauth";
      if (isGrant && !takesGrants) continue;
      const key = accountKey(id, { source: "broker", credentialId });
      const account = { key, source: "broker", credentialId, isGrant, blocks } as const;
      (isGrant ? grants : keys).push(account);
    }
    return [...keys, ...grants];
  }

  #storedKey(providerId: string, credentialId: number): string | undefined {
    const held = this.#sources.broker.entries(providerId).find(({ id }) => id === credentialId);
    return held?.credential.type === "api_key" ? held.credential.key : undefined;
  }

  async #accessToken(
    { name }: Provider,
    credentialId: number,
    refused: string | undefined,
  ): Promise<string> {
    const { broker } = this.#sources;
    try {
      const key = tokenOf(await broker.fresh(credentialId));
      if (key !== refused || !broker.refresh) return key;
      return tokenOf((await broker.refresh(credentialId)).credential);
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

  async #configuredKey(
    providerId: string,
    refused: string | undefined,
  ): Promise<string | undefined> {
    const text = this.#sources.providers[providerId]?.apiKey;
    if (text === undefined) return undefined;
    const known = this.#configured.get(providerId);
    if (known) {
      const key = await known;
      const isStale = refused !== undefined && key === refused && isCommand(text);
      if (!isStale) return key;
      // Whoever was refused with the same key meanwhile has had it made anew.
      const renewed = this.#configured.get(providerId);
      if (renewed && renewed !== known) return renewed;
    }
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

function isCommand(text: string | undefined): boolean {
  return text?.trimStart().startsWith("!") ?? false;
}

function tokenOf(credential: Credential): string {
  return credential.type === "oauth" ? credential.access : credential.key;
}

function unusableLogin({ name }: Provider): UpstreamFailed {
  return new UpstreamFailed({
    kind: "upstream_auth",
    code: "login_not_usable",
    message: `The gateway has a login for ${name}, but ${name} permits such logins to its own programs only, so it shows none. Its operator can add an API key; \`agent auth-broker list\` says what each provider permits.`,
  });
}

/** What a caller is told of a provider without any key. */
function noCredential({ name }: Provider): UpstreamFailed {
  return new UpstreamFailed({
    kind: "upstream_auth",
    code: "no_credential",
    message: `No credential for ${name} is available to the gateway. Its operator can add one to the broker or set the provider's API key in the gateway's environment; \`agent auth-broker list\` shows what is there.`,
  });
}
