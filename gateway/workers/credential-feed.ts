// Tells workers which credentials there are: all at their start, and again whenever something has changed. Looks
// instead of being called, so that any source will do; what a worker knows is FEED_EVERY_MS old at most.

import type { CredentialSource } from "#broker/client";
import type { ProviderCredentials } from "./protocol.ts";

/** How often changes are looked for, in ms. */
export const FEED_EVERY_MS = 250;

/** What is fed. */
export interface CredentialFeedOptions {
  readonly source: CredentialSource;
  readonly providers: readonly string[];
  /** Told everything there is now, after a change. */
  readonly onChange: (credentials: ProviderCredentials) => void;
}

/** Watches a source until it is stopped. */
export class CredentialFeed {
  readonly #options: CredentialFeedOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #told: string;

  constructor(options: CredentialFeedOptions) {
    this.#options = options;
    this.#told = JSON.stringify(this.current());
    this.#timer = setInterval(() => this.look(), FEED_EVERY_MS);
    this.#timer.unref();
  }

  /** Every credential there is now. */
  current(): ProviderCredentials {
    const { source, providers } = this.#options;
    const held = providers.map((provider): [string, ProviderCredentials[string]] => [
      provider,
      source.entries(provider).map(({ id, credential, blocks }) => ({
        id,
        credential,
        ...(blocks && { blocks: [...blocks] }),
      })),
    ]);
    return Object.fromEntries(held.filter(([, entries]) => entries.length > 0));
  }

  /** Tells at once what has changed. */
  look(): void {
    const credentials = this.current();
    const text = JSON.stringify(credentials);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onChange(credentials);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
