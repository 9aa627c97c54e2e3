// Serves HTTP behind limits that hold before any handler runs: who may bind where, which Host and
// Origin may call, how large and how slow a body may be. Refuses to serve beyond loopback without a
// token, and to tell a caller anything about an unexpected error.

import { type BindAddress, formatBindAddress, isLoopback } from "./bind-address.ts";
import { BodyTooLargeError, hasBody, readBody } from "./body-limit.ts";
import { toListenError, UnsafeBindError } from "./listen-error.ts";
import type { Logger } from "./log.ts";
import { guardRequest, type GuardOptions, loopbackHosts } from "./request-guard.ts";

/** A body larger than this is refused with 413, unless the server sets its own limit. */
export const DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A body that has not arrived whole by then is cut off; an unused kept-alive connection too. At most 255. */
export const DEFAULT_IDLE_SECONDS = 120;
/** How long stop() waits for answers in flight. */
export const DEFAULT_GRACE_MS = 5000;

/** Says aloud that a server has no token; accepted only on loopback. A symbol, so that no JSON can say it. */
export const unauthenticated: unique symbol = Symbol("unauthenticated");

/** A refusal to be put into the caller's own error envelope; the message is safe to show. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What a handler is given beside the request, and may ask of the connection. */
export interface RequestControl {
  /** The request's body, whole and within the limit; the request's own is used up. Empty when there is none. */
  readonly body: Uint8Array;
  /** Cuts the connection after so many silent seconds; 0 never. Event streams have 0 from the start. */
  timeout(request: Request, seconds: number): void;
}

/** A handler; the request's signal aborts when the client leaves. */
export type RequestHandler = (
  request: Request,
  control: RequestControl,
) => Response | Promise<Response>;

/** A running server. */
export interface HttpServer {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Takes no new connections, lets answers in flight finish for `graceMs`, then cuts them. */
  stop(options?: { graceMs?: number }): Promise<void>;
}

/** How to serve. */
export interface ServeOptions {
  readonly bind: BindAddress;
  readonly fetch: RequestHandler;
  /** True when `fetch` demands a token of every caller. */
  readonly hasToken: boolean;
  readonly [unauthenticated]?: true;
  readonly maxBodyBytes?: number;
  readonly idleSeconds?: number;
  readonly allowedOrigins?: readonly string[];
  /** Looks at a request before its body is read; an answer here is the answer, and the body stays unread. */
  readonly admit?: (request: Request) => Response | undefined;
  /** Builds the answer for what never reaches `fetch`: 400, 403, 405, 413, 500, 503. */
  readonly refuse: (refusal: Refusal, request: Request) => Response;
  readonly log: Logger;
}

/** Starts listening; throws PortInUseError, UnsafeBindError or another ListenError. */
export function serveHttp(options: ServeOptions): HttpServer {
  refuseUnsafeBind(options);
  const { bind, idleSeconds = DEFAULT_IDLE_SECONDS } = options;
  const front = new FrontDoor(options, idleSeconds);
  const server = listen(bind, {
    idleTimeout: idleSeconds,
    // Counted by readBody, so that the refusal comes in the caller's envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, control) => front.answer(request, control),
    error: (error) => {
      options.log.error("request failed outside its handler", { error });
      return new Response(null, { status: 500 });
    },
  });
  const port = server.port ?? bind.port;
  front.open(isLoopback(bind.hostname) ? loopbackHosts(port) : undefined);
  return {
    url: `http://${formatBindAddress({ hostname: listenHostname(bind), port })}`,
    port,
    stop: ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      front.close();
      return stopGracefully(server, graceMs);
    },
  };
}

const NO_BODY = new Uint8Array(0);

type Connections = Pick<Bun.Server<undefined>, "timeout">;

/** Everything between the socket and the handler. */
class FrontDoor {
  readonly #options: ServeOptions;
  readonly #idleSeconds: number;
  readonly #maxBytes: number;
  #guard: GuardOptions;
  #isClosed = false;

  constructor(options: ServeOptions, idleSeconds: number) {
    this.#options = options;
    this.#idleSeconds = idleSeconds;
    this.#maxBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    // Nobody is let in before open() has learnt the real port.
    this.#guard = { allowedHosts: new Set() };
  }

  open(allowedHosts: ReadonlySet<string> | undefined): void {
    this.#guard = { allowedHosts, allowedOrigins: new Set(this.#options.allowedOrigins) };
  }

  close(): void {
    this.#isClosed = true;
  }

  async answer(request: Request, connections: Connections): Promise<Response> {
    try {
      const refused = guardRequest(request, this.#guard);
      if (refused !== undefined) {
        return this.#refuse(request, { ...refused, message: refused.reason });
      }
      if (this.#isClosed) {
        const message = "The server is shutting down; try again shortly.";
        return this.#refuse(request, { status: 503, code: "shutting_down", message });
      }
      return await this.#handle(request, connections);
    } catch (error) {
      return this.#fail(request, error);
    }
  }

  async #handle(request: Request, connections: Connections): Promise<Response> {
    // Until the body is here the runtime's own deadline runs; from then on the handler may take its time.
    const hasContent = hasBody(request.headers);
    const refused = hasContent ? this.#options.admit?.(request) : undefined;
    if (refused) {
      // What is still on its way must not be read as the next request.
      refused.headers.set("connection", "close");
      return refused;
    }
    const limits = { maxBytes: this.#maxBytes };
    const body = hasContent ? await readBody(request, limits) : NO_BODY;
    connections.timeout(request, 0);
    let isOverridden = false;
    const response = await this.#options.fetch(request, {
      body,
      timeout: (_request, seconds) => {
        isOverridden = true;
        connections.timeout(request, seconds);
      },
    });
    // Otherwise the connection would be kept alive, unused, for as long as the client likes.
    if (!isOverridden && !isEventStream(response)) connections.timeout(request, this.#idleSeconds);
    return response;
  }

  #fail(request: Request, error: unknown): Response {
    if (error instanceof BodyTooLargeError) {
      const { code, message } = error;
      return this.#refuse(request, { status: 413, code, message });
    }
    const fields = { method: request.method, error };
    if (request.signal.aborted) {
      this.#options.log.debug("client left before it was answered", fields);
    } else {
      this.#options.log.error("request failed", fields);
    }
    const message = "Internal error.";
    return this.#refuse(request, { status: 500, code: "internal_error", message });
  }

  #refuse(request: Request, refusal: Refusal): Response {
    const { status, code, message } = refusal;
    const response = this.#options.refuse({ status, code, message }, request);
    // A refused body may still be on its way: it must not be read as the next request.
    if (status !== 500) response.headers.set("connection", "close");
    return response;
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

function refuseUnsafeBind({ bind, hasToken, [unauthenticated]: isOpen }: ServeOptions): void {
  if (hasToken) return;
  if (!isLoopback(bind.hostname)) {
    throw new UnsafeBindError(
      bind,
      "it can be reached from other machines and no token protects it. " +
        "Set a token, or bind to 127.0.0.1.",
    );
  }
  if (isOpen === true) return;
  throw new UnsafeBindError(
    bind,
    "no token protects it. Require one, or pass [unauthenticated]: true to serve anyone on this machine.",
  );
}

// `localhost` may resolve to ::1 as well; another process could take the address we leave free.
function listenHostname({ hostname }: BindAddress): string {
  return hostname === "localhost" ? "127.0.0.1" : hostname;
}

function listen(
  bind: BindAddress,
  options: {
    idleTimeout: number;
    maxRequestBodySize: number;
    fetch: (request: Request, server: Bun.Server<undefined>) => Promise<Response>;
    error: (error: Error) => Response;
  },
): Bun.Server<undefined> {
  try {
    return Bun.serve({ ...options, hostname: listenHostname(bind), port: bind.port });
  } catch (error) {
    throw toListenError(bind, error);
  }
}

async function stopGracefully(server: Bun.Server<undefined>, graceMs: number): Promise<void> {
  const { promise: isGraceOver, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([server.stop(), isGraceOver]);
  clearTimeout(timer);
  await server.stop(true);
}
