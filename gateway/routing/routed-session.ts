// Keeps a conversation on one account, where its provider's prompt cache is warm and its encrypted state is understood.
// Outranks priority; lets go only when the account may not be asked or the conversation has been silent for the TTL.

import { decodeCarrier } from "#wire";
import type { Exchange } from "../pipeline/exchange.ts";
import { BoundedMap } from "./bounded-map.ts";
import { type SessionKey, SessionKeys, type SessionSource } from "./session-key.ts";
import { modelKey, type Way } from "./way.ts";

/** A conversation silent for so long, in ms, is cold: no provider caches longer. */
export const SESSION_TTL_MS = 60 * 60_000;
/** Most conversations that are remembered. */
export const MAX_SESSIONS = 50_000;

const CARRIER_START = Buffer.from('"gw1.');
const QUOTE = 0x22;

/** The way that a conversation takes from now on. */
export interface SessionNews {
  readonly session: string;
  readonly way: string;
}

/** Which way each conversation took. */
export class Sessions {
  readonly #keys = new SessionKeys();
  readonly #kept = new BoundedMap<string>({ maxEntries: MAX_SESSIONS, ttlMs: SESSION_TTL_MS });
  readonly #tell: ((news: SessionNews) => void) | undefined;

  /** `tell` hears of every conversation that is kept, for gateways that share their callers with this one. */
  constructor({ tell }: { tell?: ((news: SessionNews) => void) | undefined } = {}) {
    this.#tell = tell;
  }

  /** Takes what another gateway told. */
  learn({ session, way }: SessionNews, nowMs: number): void {
    this.#kept.set(session, way, nowMs);
  }

  /** The conversation of a request; cheap until it is asked for. */
  of(request: { exchange: Exchange; model: string; bytes: Uint8Array }): RoutedSession {
    const { exchange, model, bytes } = request;
    const identify = () =>
      this.#keys.of({ callerId: exchange.caller.id, model, headers: exchange.headers, bytes });
    return new RoutedSession({ kept: this.#kept, tell: this.#tell, identify, bytes });
  }
}

interface SessionParts {
  readonly kept: BoundedMap<string>;
  readonly tell: ((news: SessionNews) => void) | undefined;
  readonly identify: () => SessionKey | undefined;
  readonly bytes: Uint8Array;
}

/** The conversation of one request. */
export class RoutedSession {
  readonly #parts: SessionParts;
  #isIdentified = false;
  #key: SessionKey | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The way it took last, among these, and how the conversation was recognised. */
  keptWay(
    ways: readonly Way[],
    nowMs: number,
  ): { readonly way: Way; readonly source: SessionSource } | undefined {
    const session = this.#identify();
    const kept = session && this.#parts.kept.get(session.key, nowMs);
    if (!session || kept === undefined) return undefined;
    const way = ways.find((candidate) => modelKey(candidate) === kept);
    return way && { way, source: session.source };
  }

  /** The provider whose opaque state the request replays, as its last carrier says: nobody else understands it. */
  carrierProvider(): string | undefined {
    const { buffer, byteOffset, byteLength } = this.#parts.bytes;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    const start = bytes.lastIndexOf(CARRIER_START);
    const end = start === -1 ? -1 : bytes.indexOf(QUOTE, start + 1);
    return end === -1
      ? undefined
      : decodeCarrier(bytes.toString("latin1", start + 1, end))?.provider;
  }

  /** It goes on this way from now on. Costs nothing while nobody asked where it went before. */
  keep(way: Way, nowMs: number): void {
    if (!this.#isIdentified || !this.#key) return;
    const { key: session } = this.#key;
    this.#parts.kept.set(session, modelKey(way), nowMs);
    this.#parts.tell?.({ session, way: modelKey(way) });
  }

  #identify(): SessionKey | undefined {
    if (!this.#isIdentified) {
      this.#isIdentified = true;
      this.#key = this.#parts.identify();
    }
    return this.#key;
  }
}
