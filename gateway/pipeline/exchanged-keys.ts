// The tokens that keys were exchanged for, one for each account, until shortly before they end. Whoever asks while one
// is being made waits for it; a failed exchange is forgotten at once, so that the next request tries again.

import type { ExchangedKey, ExchangeKey, ExchangeMeans } from "../providers/exchange.ts";

/** A token is replaced this long before its end: a long answer must not lose it on its way out. */
export const EXCHANGE_MARGIN_MS = 60_000;
/** Accounts remembered; more than any operator has, so that credentials which come and go do not pile up. */
export const MAX_EXCHANGED = 1_000;

interface Held {
  readonly key: string;
  readonly made: Promise<ExchangedKey>;
}

/** Exchanges keys, and remembers what for. */
export class ExchangedKeys {
  readonly #means: ExchangeMeans;
  readonly #held = new Map<string, Held>();

  constructor(means: ExchangeMeans) {
    this.#means = means;
  }

  /** The token for `key` of an account; another than `refused`. Throws what the exchange throws. */
  async take(
    account: string,
    { key, refused, exchange }: { key: string; refused: string | undefined; exchange: ExchangeKey },
  ): Promise<ExchangedKey> {
    const held = this.#held.get(account);
    if (held?.key === key) {
      const made = await held.made;
      const isAlive = made.endsAtMs - EXCHANGE_MARGIN_MS > this.#means.nowMs();
      if (isAlive && made.token !== refused) return made;
    }
    const others = this.#held.get(account);
    // Whoever waited for the same token as long has begun already.
    if (others && others !== held && others.key === key) return others.made;
    return this.#make(account, key, exchange);
  }

  #make(account: string, key: string, exchange: ExchangeKey): Promise<ExchangedKey> {
    const held: Held = { key, made: exchange(key, this.#means) };
    this.#held.delete(account);
    this.#held.set(account, held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_EXCHANGED && oldest !== undefined) this.#held.delete(oldest);
    held.made.catch(() => {
      if (this.#held.get(account) === held) this.#held.delete(account);
    });
    return held.made;
  }
}
