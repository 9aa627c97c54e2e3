// One call to a broker: over TCP or a Unix socket, with the token, bounded in time and size, its answer
// parsed. Trusts nothing it gets back, and repeats none of it in an error but the broker's own reason.

import {
  createOutbound,
  type Fetch,
  OutboundError,
  type OutboundResponse,
  redact,
  type Secret,
  UNIX_SOCKET_HOST,
} from "#platform";
import { ErrorAnswer, parseJson } from "#wire";
import type { z } from "zod";
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

/** Where a broker is and what it wants to hear. */
export interface BrokerTransportOptions {
  /** `http(s)://host:port`, or `unix:/path/of/a/socket`. */
  readonly url: string;
  readonly token: Secret;
  /** Sent with every call that carries the token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Stands in for the network in tests. */
  readonly fetch?: Fetch | undefined;
}

/** One call; without a signal it cannot be given up. */
export interface BrokerCall {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** How long the broker may take before it answers, in ms. */
  readonly timeoutMs?: number;
  /** Silence allowed within the answer, in ms. */
  readonly idleTimeoutMs?: number;
  readonly maxBytes?: number;
  /** False for a call whose repetition would count twice. */
  readonly isRepeatable?: boolean;
  /** Sends no token. */
  readonly isPublic?: boolean;
}

/** Calls one broker. */
export class BrokerTransport {
  /** As given, without a slash at its end; names the broker in every error. */
  readonly url: string;
  readonly #base: string;
  readonly #unixSocket: string | undefined;
  readonly #token: Secret;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #outbound: ReturnType<typeof createOutbound>;

  constructor({ url, token, headers = {}, fetch }: BrokerTransportOptions) {
    this.#unixSocket = socketPath(url);
    this.#base = this.#unixSocket === undefined ? baseUrl(url) : `http://${UNIX_SOCKET_HOST}`;
    this.url = this.#unixSocket === undefined ? this.#base : url;
    this.#token = token;
    this.#headers = headers;
    this.#outbound = createOutbound({ ...(fetch && { fetch }) });
  }

  /** The answer to a call, as its schema reads it. */
  async ask<T>(schema: z.ZodType<T>, path: string, call: BrokerCall = {}): Promise<T> {
    return (await this.askUnlessSame(schema, path, call)) ?? this.#refuseNothing();
  }

  /** The same; undefined for 304, when nothing has changed. */
  async askUnlessSame<T>(
    schema: z.ZodType<T>,
    path: string,
    call: BrokerCall,
  ): Promise<T | undefined> {
    const response = await this.send(path, call);
    const bytes = await this.#naming(call.signal, () => response.bytes());
    if (response.status === 304) return undefined;
    if (response.status !== 200) throw this.#refusal(response.status, bytes);
    const json = parsed(bytes);
    if (json === undefined) throw new BrokerProtocolError(this.url, "a body that is not JSON");
    const result = schema.safeParse(json);
    if (result.success) return result.data;
    // Only the place is named: the message of an issue may quote what the answer held.
    const where = result.error.issues[0]?.path.join(".") || "the body";
    throw new BrokerProtocolError(this.url, `${redact(where)} is not what the protocol says`);
  }

  /** An answer to be read by the caller; a refusal is thrown, except for 304. */
  async open(path: string, call: BrokerCall): Promise<OutboundResponse> {
    const response = await this.send(path, call);
    if (response.status === 200 || response.status === 304) return response;
    throw this.#refusal(response.status, await this.#naming(call.signal, () => response.bytes()));
  }

  /** The next bytes of an opened answer; throws what a call throws. */
  read(response: OutboundResponse, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#naming(signal, () => response.read());
  }

  /** Sends a call; the answer's status is the caller's to judge. */
  send(path: string, call: BrokerCall): Promise<OutboundResponse> {
    const { method = "GET", body, signal, isPublic = false, isRepeatable = true } = call;
    const { timeoutMs = ANSWER_TIMEOUT_MS, idleTimeoutMs = ANSWER_TIMEOUT_MS } = call;
    return this.#naming(signal, () =>
      this.#outbound.send({
        url: this.#base + path,
        ...(this.#unixSocket !== undefined && { unixSocket: this.#unixSocket }),
        method,
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(!isPublic && {
            ...this.#headers,
            authorization: `Bearer ${this.#token.reveal()}`,
          }),
          ...call.headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: signal ?? new AbortController().signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs,
        maxBytes: call.maxBytes ?? MAX_ANSWER_BYTES,
        ...(!isRepeatable && { attempts: 1 }),
      }),
    );
  }

  async #naming<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
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

  #refusal(status: number, bytes: Uint8Array): Error {
    if (status === 401) return new BrokerUnauthorized(this.url);
    const refusal = ErrorAnswer.safeParse(parsed(bytes));
    const { error = "no reason", code } = refusal.data ?? {};
    return new BrokerRefused(this.url, status, error, { code });
  }

  #refuseNothing(): never {
    throw new BrokerProtocolError(this.url, "304 to a request without a condition");
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function socketPath(url: string): string | undefined {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(url)?.[1];
  return path === undefined || path.includes("\0") ? undefined : path;
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
    "it must be http(s)://host:port or unix:/path, nothing more",
  );
}
