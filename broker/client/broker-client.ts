// Talks to a broker over HTTP: health, snapshot, upload, and following changes by long-poll.
// Trusts no answer: each is bounded and parsed, and an error never repeats what the answer held.

import { createOutbound, OutboundError, type Secret } from "#platform";
import {
  BrokerHealth,
  type Credential,
  type CredentialEntry,
  CredentialSnapshot,
  CredentialUploaded,
  parseJson,
} from "#wire";
import { z } from "zod";
import {
  BrokerProtocolError,
  BrokerRefused,
  BrokerUnauthorized,
  BrokerUnreachable,
} from "../errors.ts";

/** Largest answer read from a broker, in bytes. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** How long a broker may take to answer, beyond the time it was asked to wait, in ms. */
export const ANSWER_TIMEOUT_MS = 10_000;

/** How a client reaches its broker. */
export interface BrokerClientOptions {
  /** Base URL, e.g. `http://127.0.0.1:8765`. */
  readonly url: string;
  readonly token: Secret;
  /** Stands in for the network in tests. */
  readonly fetch?: typeof fetch;
}

/** A snapshot request; `waitMs` makes the broker hold the answer until it differs from `generation`. */
export interface SnapshotRequest {
  readonly generation?: number;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const Refusal = z.looseObject({ error: z.string() });

interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array;
}

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  readonly waitMs?: number;
}

/** A client of one broker. */
export class BrokerClient {
  /** The broker's base URL, without a slash at its end. */
  readonly url: string;
  readonly #token: Secret;
  readonly #outbound: ReturnType<typeof createOutbound>;

  constructor({ url, token, fetch }: BrokerClientOptions) {
    this.url = baseUrl(url);
    this.#token = token;
    this.#outbound = createOutbound({ ...(fetch && { fetch }) });
  }

  /** Whether the broker answers, and its version. Sends no token. */
  async healthz({ signal }: { signal?: AbortSignal } = {}): Promise<BrokerHealth> {
    return this.#parse(BrokerHealth, await this.#send("/v1/healthz", { signal }));
  }

  /** The redacted snapshot; undefined when it is still the given generation. */
  async fetchSnapshot(request: SnapshotRequest = {}): Promise<CredentialSnapshot | undefined> {
    const { generation, waitMs, signal } = request;
    const path = waitMs === undefined ? "/v1/snapshot" : `/v1/snapshot?wait=${waitMs}`;
    const answer = await this.#sendWithToken(path, {
      headers: generation === undefined ? {} : { "if-none-match": `"${generation}"` },
      signal,
      waitMs: waitMs ?? 0,
    });
    return answer.status === 304 ? undefined : this.#parse(CredentialSnapshot, answer);
  }

  /** Stores a credential in the broker's vault; answers with the provider's rows, redacted. */
  async putCredential(
    provider: string,
    credential: Credential,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<readonly CredentialEntry[]> {
    const answer = await this.#sendWithToken("/v1/credential", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ provider, credential }),
      signal,
    });
    return this.#parse(CredentialUploaded, answer).entries;
  }

  #sendWithToken(path: string, call: Call): Promise<Answer> {
    const authorization = `Bearer ${this.#token.reveal()}`;
    return this.#send(path, { ...call, headers: { ...call.headers, authorization } });
  }

  async #send(path: string, { method = "GET", headers, body, signal, waitMs = 0 }: Call) {
    const timeoutMs = waitMs + ANSWER_TIMEOUT_MS;
    try {
      const response = await this.#outbound.send({
        url: this.url + path,
        method,
        headers: { accept: "application/json", ...headers },
        ...(body !== undefined && { body }),
        signal: signal ?? new AbortController().signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs: ANSWER_TIMEOUT_MS,
        maxBytes: MAX_ANSWER_BYTES,
      });
      return { status: response.status, bytes: await response.bytes() };
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#callError(cause);
    }
  }

  #callError(cause: unknown): Error {
    if (!(cause instanceof OutboundError)) {
      return new BrokerUnreachable(this.url, "the call failed", { cause });
    }
    const hasAnswered = /^(?:redirect_refused|too_large|bad_encoding)$/.test(cause.code);
    return hasAnswered
      ? new BrokerProtocolError(this.url, cause.message, { cause })
      : new BrokerUnreachable(this.url, cause.message, { cause });
  }

  #parse<T>(schema: z.ZodType<T>, { status, bytes }: Answer): T {
    if (status === 401) throw new BrokerUnauthorized(this.url);
    const json = this.#readJson(bytes, status);
    if (status !== 200) {
      const refusal = Refusal.safeParse(json);
      throw new BrokerRefused(this.url, status, refusal.success ? refusal.data.error : "no reason");
    }
    const result = schema.safeParse(json);
    if (result.success) return result.data;
    // Only the place is named: the message of an issue may quote what the answer held.
    const where = result.error.issues[0]?.path.join(".") || "the body";
    throw new BrokerProtocolError(this.url, `${where} is not what the protocol says`);
  }

  #readJson(bytes: Uint8Array, status: number): unknown {
    try {
      return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw new BrokerProtocolError(this.url, `status ${status} with a body that is not JSON`);
    }
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isUsable =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    !url.username &&
    !url.password &&
    !url.search &&
    !url.hash;
  if (isUsable) return url.href.replace(/\/+$/, "");
  throw new BrokerProtocolError(
    "the configured URL",
    "it must be http(s)://host:port, nothing more",
  );
}
