// The one client for calls to other hosts. It decides what may be called, how long and how much it may
// answer, and when a call is safe to repeat. Refuses anything but http and https (the runtime would open
// local files), redirects (they would carry credentials elsewhere), and repeating what was answered.

import type { AddressGuard } from "./address-guard.ts";
import { OutboundError, toOutboundError } from "./outbound-error.ts";
import { type OutboundResponse, StreamedResponse, timerDelay } from "./outbound-response.ts";
import { VERSION } from "./version.ts";

/** Waiting for the first byte of an answer; a long answer that is not streamed takes minutes. */
export const DEFAULT_HEADERS_TIMEOUT_MS = 600_000;
/** Silence in the middle of an answer. */
export const DEFAULT_OUTBOUND_IDLE_TIMEOUT_MS = 120_000;
/** Decompressed bytes of one answer. */
export const DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Tries of one call, the first included. */
export const DEFAULT_ATTEMPTS = 2;
/** The pause before another try is random, up to this. */
export const MAX_RETRY_DELAY_MS = 250;

// A kept-alive connection that the other side closed meanwhile fails at once, not after some work.
const STALE_CONNECTION_MS = 1000;
const MAX_KNOWN_ORIGINS = 256;

/** One call. */
export interface OutboundRequest {
  readonly url: string;
  /** Path of the socket to connect to, in place of the URL's host, which is sent as Host all the same. */
  readonly unixSocket?: string;
  readonly method?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Aborting it closes the connection, before and after the headers. */
  readonly signal: AbortSignal;
  readonly headersTimeoutMs?: number;
  /** For an answer without end, such as an event stream: longer than its longest silence. */
  readonly idleTimeoutMs?: number;
  /** Of one answer; Infinity for one without end. */
  readonly maxBytes?: number;
  readonly attempts?: number;
}

/** Calls other hosts. */
export interface Outbound {
  /** Resolves when the headers are here, whatever the status; throws OutboundError. */
  send(request: OutboundRequest): Promise<OutboundResponse>;
}

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

/** A client; the options exist for tests, and for a name of its own in `user-agent`. */
export function createOutbound({
  fetch: fetchAnswer = fetch,
  userAgent = `parley/${VERSION}`,
  guard,
  sleep = sleepUnlessAborted,
  random = Math.random,
}: {
  fetch?: Fetch;
  userAgent?: string;
  /** Asked before each call; a socket's path is nobody's address. */
  guard?: AddressGuard;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  random?: () => number;
} = {}): Outbound {
  const answered = new KnownOrigins();
  const targets = new Map<string, Target>();

  // The same few URLs are called again and again.
  function targetOf(request: OutboundRequest): Target {
    const { url, unixSocket } = request;
    if (unixSocket !== undefined) return parseTarget(request);
    const known = targets.get(url);
    if (known) return known;
    const target = parseTarget(request);
    if (targets.size < MAX_KNOWN_ORIGINS) targets.set(url, target);
    return target;
  }

  async function attempt(request: OutboundRequest, target: Target): Promise<OutboundResponse> {
    const call = new Call(request, target.host);
    try {
      const response = await fetchAnswer(target.href, {
        method: request.method ?? "GET",
        headers: withDefaults(request.headers, userAgent),
        ...(request.body !== undefined && { body: request.body }),
        ...(request.unixSocket !== undefined && { unix: request.unixSocket }),
        redirect: "error",
        // The runtime's own idle limit of five minutes would cut slow but healthy answers.
        timeout: false,
        signal: call.signal,
      });
      answered.add(target.origin);
      return call.answered(response);
    } catch (error) {
      throw call.failed(error);
    }
  }

  async function send(request: OutboundRequest): Promise<OutboundResponse> {
    const target = targetOf(request);
    const { attempts = DEFAULT_ATTEMPTS, signal } = request;
    for (let left = attempts - 1; ; left--) {
      if (signal.aborted) throw abortedByCaller(target.host);
      const admission =
        request.unixSocket === undefined ? guard?.admit(target.hostname) : undefined;
      if (admission) await admission;
      const startedMs = performance.now();
      try {
        return await attempt(request, target);
      } catch (error) {
        const isStale =
          answered.has(target.origin) && performance.now() - startedMs < STALE_CONNECTION_MS;
        if (left <= 0 || !isRepeatable(error, { isStale })) throw error;
        await sleep(random() * MAX_RETRY_DELAY_MS, signal);
      }
    }
  }

  return { send };
}

/** One try: the caller's signal and our timers, joined into the signal that fetch listens to. */
class Call {
  // Not the request: its body may be megabytes, and the answer may take hours.
  readonly #limits: { readonly maxBytes: number; readonly idleTimeoutMs: number };
  readonly #callerSignal: AbortSignal;
  readonly #host: string;
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #onAbort = () => this.#controller.abort(abortedByCaller(this.#host));

  constructor(request: OutboundRequest, host: string) {
    const { headersTimeoutMs = DEFAULT_HEADERS_TIMEOUT_MS, signal } = request;
    const { maxBytes = DEFAULT_MAX_ANSWER_BYTES } = request;
    const { idleTimeoutMs = DEFAULT_OUTBOUND_IDLE_TIMEOUT_MS } = request;
    this.#limits = { maxBytes, idleTimeoutMs };
    this.#callerSignal = signal;
    this.#host = host;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      const problem = `did not begin to answer within ${headersTimeoutMs} ms`;
      this.#controller.abort(new OutboundError("timeout_headers", host, problem));
    }, timerDelay(headersTimeoutMs));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  answered(response: Response): OutboundResponse {
    clearTimeout(this.#timer);
    const { maxBytes, idleTimeoutMs } = this.#limits;
    const length = response.headers.get("content-length");
    const announced = length === null ? undefined : Number(length);
    if (announced !== undefined && announced > maxBytes) {
      const problem = `announced ${announced} bytes, more than the ${maxBytes} allowed`;
      throw new OutboundError("too_large", this.#host, problem);
    }
    return new StreamedResponse(response, {
      host: this.#host,
      idleTimeoutMs,
      maxBytes,
      announcedBytes: response.headers.has("content-encoding") ? undefined : announced,
      call: this.#controller,
      onEnd: () => this.#release(),
    });
  }

  /** Ends the try; the error to throw. */
  failed(cause: unknown): OutboundError {
    this.#release();
    const { signal } = this.#controller;
    const error = toOutboundError(this.#host, signal.aborted ? signal.reason : cause);
    if (!signal.aborted) this.#controller.abort(error);
    return error;
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener("abort", this.#onAbort);
  }
}

/** Origins that have answered before: only these can have left us a stale connection. */
class KnownOrigins {
  readonly #origins = new Set<string>();

  add(origin: string): void {
    if (this.#origins.size >= MAX_KNOWN_ORIGINS) this.#origins.clear();
    this.#origins.add(origin);
  }

  has(origin: string): boolean {
    return this.#origins.has(origin);
  }
}

// Only when the other side cannot have begun to work: it was not reached, or a pooled connection was dead.
function isRepeatable(error: unknown, { isStale }: { isStale: boolean }): boolean {
  if (!(error instanceof OutboundError)) return false;
  if (error.code === "connection_reset") return isStale;
  return error.code === "connection_refused" || error.code === "host_not_found";
}

interface Target {
  readonly href: string;
  readonly hostname: string;
  /** What errors name. */
  readonly host: string;
  /** What connections are pooled by. */
  readonly origin: string;
}

function parseTarget({ url: text, unixSocket }: OutboundRequest): Target {
  const url = URL.parse(text);
  if (url === null) throw new OutboundError("bad_url", "", "the URL to call is not a URL");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const problem = `only http and https URLs are called, not ${url.protocol}`;
    throw new OutboundError("bad_scheme", url.host, problem);
  }
  if (url.username !== "" || url.password !== "") {
    const problem = "a URL to call must not carry a user name or password; use a header";
    throw new OutboundError("bad_url", url.host, problem);
  }
  const { href, host, hostname, origin } = url;
  if (unixSocket === undefined) return { href, host, hostname, origin };
  // The runtime takes an empty path for none, and would call the host itself.
  if (unixSocket === "") throw new OutboundError("bad_url", host, "the socket's path is empty");
  return { href, host: unixSocket, hostname, origin: `${origin} ${unixSocket}` };
}

function abortedByCaller(host: string): OutboundError {
  return new OutboundError("aborted", host, "the caller gave up");
}

/** Names in `given` are lower case. */
function withDefaults(
  given: Readonly<Record<string, string>>,
  userAgent: string,
): Record<string, string> {
  // Compressed event streams would arrive in lumps, and a bomb could hide in any answer.
  return { "user-agent": userAgent, "accept-encoding": "identity", ...given };
}

async function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", wake);
}
