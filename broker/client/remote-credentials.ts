// The credentials of a remote broker, kept in memory and followed, so that asking costs a map lookup.
// Keeps serving the last snapshot while the broker is away; refuses to start without a first one.

import type { Credential, CredentialSnapshot } from "#wire";
import { BrokerProtocolError } from "../errors.ts";
import type { BrokerClient } from "./broker-client.ts";
import { byProvider, type CredentialSource } from "./credential-source.ts";
import { follow, type FollowOptions } from "./follow.ts";

/** How remote credentials are followed, and who wants to hear that they changed. */
export interface RemoteCredentialsOptions extends FollowOptions {
  readonly onChange?: () => void;
}

/** A CredentialSource over a BrokerClient. */
export class RemoteCredentials implements CredentialSource {
  readonly #stopping = new AbortController();
  readonly #following: Promise<void>;
  #snapshot: CredentialSnapshot;
  #byProvider: ReadonlyMap<string, readonly Credential[]>;

  private constructor(
    client: BrokerClient,
    first: CredentialSnapshot,
    { onChange, ...options }: RemoteCredentialsOptions,
  ) {
    this.#snapshot = first;
    this.#byProvider = byProvider(first.credentials);
    const take = (next: CredentialSnapshot) => {
      this.#snapshot = next;
      this.#byProvider = byProvider(next.credentials);
      onChange?.();
    };
    const from = { ...options, generation: first.generation };
    this.#following = follow(client, take, this.#stopping.signal, from);
  }

  /** Fetches the first snapshot and starts following. Throws what BrokerClient throws. */
  static async open(
    client: BrokerClient,
    options: RemoteCredentialsOptions = {},
  ): Promise<RemoteCredentials> {
    const first = await client.fetchSnapshot();
    if (!first) throw new BrokerProtocolError(client.url, "304 to an unconditional request");
    return new RemoteCredentials(client, first, options);
  }

  /** The generation of the snapshot in use. */
  get generation(): number {
    return this.#snapshot.generation;
  }

  credentials(provider: string): readonly Credential[] {
    return this.#byProvider.get(provider) ?? [];
  }

  /** Stops following; the last snapshot stays usable. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }
}
