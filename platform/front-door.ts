// What stands between a socket and a handler: the guard, the body within its limit, the deadlines of the
// connection, and one way to refuse. Refuses to tell a caller anything about an unexpected error.

import { unpackerOf } from "./body-encoding.ts";
import { CrossOrigin } from "./cross-origin.ts";
import { BodyError, hasBody, readBody } from "./body-limit.ts";
import type { Logger } from "./log.ts";
import { guardRequest, type GuardOptions } from "./request-guard.ts";
import type { AcceptSocket, SocketData, SocketLimits, WebSockets } from "./web-sockets.ts";

/** A body larger than this is refused with 413, unless the server sets its own limit. */
export const DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A body that has not arrived whole by then is cut off; an unused kept-alive connection too. At most 255. */
export const DEFAULT_IDLE_SECONDS = 120;

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
  /** The other end's IP address, without a port; undefined on a Unix socket, and once the client has left. */
  remoteAddress(): string | undefined;
  /**
   * Turns the request into a WebSocket, whose events go to what `accept` makes; the answer is to be returned as it is.
   * Throws UpgradeError. Absent where the server takes no sockets.
   */
  upgrade?(accept: AcceptSocket): Response;
}

/** A handler; the request's signal aborts when the client leaves. */
export type RequestHandler = (
  request: Request,
  control: RequestControl,
) => Response | Promise<Response>;

/** What every listener of one server has in common. */
export interface FrontDoorOptions {
  readonly fetch: RequestHandler;
  /** Of a body as it arrives, and of what it unpacks to. */
  readonly maxBodyBytes?: number;
  /** Undoes the content-encoding of bodies, and refuses the ones it does not know; else they stay as they came. */
  readonly unpacksBodies?: boolean;
  readonly idleSeconds?: number;
  /** Web pages that may call and read the answers, by origin; without any, only the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** Paths that a link on any site may open in a tab of its own. */
  readonly pages?: readonly string[];
  /** Takes WebSockets, within these limits. */
  readonly sockets?: SocketLimits;
  /** Looks at a request before its body is read; an answer here is the answer, and the body stays unread. */
  readonly admit?: (
    request: Request,
    peer: Pick<RequestControl, "remoteAddress">,
  ) => Response | undefined;
  /** Builds the answer for what never reaches `fetch`: 400, 403, 405, 413, 415, 500, 503. */
  readonly refuse: (refusal: Refusal, request: Request) => Response;
  readonly log: Logger;
}

const NO_BODY = new Uint8Array(0);
const MAPPED_IPV4 = "::ffff:";

/** What is asked of the runtime's server about one connection. */
export type Connections = Bun.Server<SocketData>;

/** Everything between one listener's socket and the handler. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #idleSeconds: number;
  readonly #maxBytes: number;
  readonly #sockets: WebSockets | undefined;
  readonly #crossOrigin: CrossOrigin;
  #guard: GuardOptions;
  #isClosed = false;

  /** `sockets` takes the upgrades that handlers ask for. */
  constructor(options: FrontDoorOptions, sockets?: WebSockets) {
    this.#options = options;
    this.#sockets = sockets;
    this.#idleSeconds = options.idleSeconds ?? DEFAULT_IDLE_SECONDS;
    this.#crossOrigin = new CrossOrigin(options.allowedOrigins ?? []);
    this.#maxBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    // Nobody is let in before open() has learnt the real port.
    this.#guard = { allowedHosts: new Set() };
  }

  /** Lets in who calls by one of these names; undefined is any single one. */
  open(allowedHosts: ReadonlySet<string> | undefined): void {
    const { allowedOrigins, pages } = this.#options;
    this.#guard = { allowedHosts, allowedOrigins: new Set(allowedOrigins), pages: new Set(pages) };
  }

  /** Refuses everybody from now on. */
  close(): void {
    this.#isClosed = true;
    this.#sockets?.stop();
  }

  /** The answer to one request, whatever happens; undefined when it has become a socket. */
  async answer(request: Request, connections: Connections): Promise<Response | undefined> {
    const response = await this.#answer(request, connections);
    if (response) this.#crossOrigin.mark(request, response);
    return response;
  }

  async #answer(request: Request, connections: Connections): Promise<Response | undefined> {
    try {
      const refused = guardRequest(request, this.#guard);
      if (refused !== undefined) {
        return this.#refuse(request, { ...refused, message: refused.reason });
      }
      const preflight = this.#crossOrigin.preflight(request);
      if (preflight) return preflight;
      if (this.#isClosed) {
        const message = "The server is shutting down; try again shortly.";
        return this.#refuse(request, { status: 503, code: "shutting_down", message });
      }
      return await this.#handle(request, connections);
    } catch (error) {
      return this.#fail(request, error);
    }
  }

  async #handle(request: Request, connections: Connections): Promise<Response | undefined> {
    // Until the body is here the runtime's own deadline runs; from then on the handler may take its time.
    const hasContent = hasBody(request.headers);
    const remoteAddress = () => addressOf(request, connections);
    const refused = hasContent ? this.#options.admit?.(request, { remoteAddress }) : undefined;
    if (refused) {
      // What is still on its way must not be read as the next request.
      refused.headers.set("connection", "close");
      return refused;
    }
    const body = hasContent ? await this.#readBody(request) : NO_BODY;
    connections.timeout(request, 0);
    let isOverridden = false;
    let isSocket = false;
    const sockets = this.#sockets;
    const response = await this.#options.fetch(request, {
      body,
      timeout: (_request, seconds) => {
        isOverridden = true;
        connections.timeout(request, seconds);
      },
      remoteAddress,
      ...(sockets && {
        upgrade: (accept) => {
          sockets.upgrade(request, connections, accept);
          isSocket = true;
          return new Response();
        },
      }),
    });
    if (isSocket) return undefined;
    // Otherwise the connection would be kept alive, unused, for as long as the client likes.
    if (!isOverridden && !isEventStream(response)) connections.timeout(request, this.#idleSeconds);
    return response;
  }

  #readBody(request: Request): Promise<Uint8Array> {
    const unpack = this.#options.unpacksBodies ? unpackerOf(request.headers) : undefined;
    return readBody(request, { maxBytes: this.#maxBytes, unpack });
  }

  #fail(request: Request, error: unknown): Response {
    if (error instanceof BodyError) return this.#refuse(request, error);
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

function addressOf(request: Request, connections: Connections): string | undefined {
  const address = connections.requestIP(request)?.address;
  // An IPv4 client of a socket that takes both kinds must not count as another one.
  return address?.startsWith(MAPPED_IPV4) ? address.slice(MAPPED_IPV4.length) : address;
}

function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}
