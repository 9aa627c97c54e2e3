// Serves HTTP behind limits that hold before any handler runs: who may bind where, which Host and
// Origin may call, how large and how slow a body may be. Over TCP, with TLS or without, and beside it
// over a Unix socket. Refuses to serve beyond loopback without a token.

import { type BindAddress, formatBindAddress, isLoopback } from "./bind-address.ts";
import { DEFAULT_IDLE_SECONDS, FrontDoor, type FrontDoorOptions } from "./front-door.ts";
import { ListenError, toListenError, UnsafeBindError } from "./listen-error.ts";
import { isSingleHost, listedHosts, loopbackHosts } from "./request-guard.ts";
import { readTlsFiles, type TlsFiles } from "./tls-files.ts";
import { UNIX_SOCKET_HOST, type UnixSocketClaim } from "./unix-socket.ts";
import { type SocketData, WebSockets } from "./web-sockets.ts";

/** How long stop() waits for answers in flight. */
export const DEFAULT_GRACE_MS = 5000;

/** Says aloud that a server has no token; accepted only on loopback. A symbol, so that no JSON can say it. */
export const unauthenticated: unique symbol = Symbol("unauthenticated");

/** A running server. */
export interface HttpServer {
  /** `http://host:port`, or https:// with TLS, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Where the Unix socket is, absolute. */
  readonly socketPath?: string;
  /** Takes no new connections, lets answers in flight finish for `graceMs`, then cuts them. */
  stop(options?: { graceMs?: number }): Promise<void>;
}

/** How to serve. */
export interface ServeOptions extends FrontDoorOptions {
  readonly bind: BindAddress;
  /** Serves the same on a socket file of mode 0600 as well; from claimUnixSocket. */
  readonly unixSocket?: UnixSocketClaim;
  /** Serves TCP encrypted. */
  readonly tls?: TlsFiles;
  /**
   * Names the server answers to beside those of loopback: `host`, with or without the port that is bound,
   * or `host:port`. Without any, a server beyond loopback answers to every name.
   */
  readonly allowedHosts?: readonly string[];
  /** Listens beside other processes of this user on the same port; the system shares connections out. Linux only. */
  readonly sharesPort?: boolean;
  /** True when `fetch` demands a token of every caller. */
  readonly hasToken: boolean;
  readonly [unauthenticated]?: true;
}

/** Starts listening; throws ListenError, or for `tls` a TlsFileError or PrivateFileError. */
export function serveHttp(options: ServeOptions): HttpServer {
  refuseUnsafeBind(options);
  const { unixSocket } = options;
  const tcp = listenTcp(options);
  const local = unixSocket === undefined ? undefined : listenLocally(unixSocket, options, tcp);
  return {
    url: tcp.url,
    port: tcp.port,
    ...(unixSocket !== undefined && { socketPath: unixSocket.path }),
    stop: async ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      await Promise.all([tcp.stop(graceMs), local?.stop(graceMs)]);
    },
  };
}

type Server = Bun.Server<SocketData>;

interface Listener {
  stop(graceMs: number): Promise<void>;
}

function listenTcp(options: ServeOptions): Listener & { url: string; port: number } {
  const { bind, tls, sharesPort = false, allowedHosts = [] } = options;
  refuseUnusableNames(bind, allowedHosts);
  const hostname = listenHostname(bind);
  const files = tls === undefined ? undefined : readTlsFiles(tls);
  const sockets = socketsOf(options);
  const front = new FrontDoor(options, sockets);
  const server = listen(bind, () =>
    Bun.serve<SocketData>({
      ...settings(front, options, sockets),
      hostname,
      port: bind.port,
      reusePort: sharesPort,
      ...(files && { tls: files }),
    }),
  );
  const port = server.port ?? bind.port;
  const scheme = tls === undefined ? "http" : "https";
  front.open(servedHosts({ bind, port, scheme, allowedHosts }));
  return {
    url: `${scheme}://${formatBindAddress({ hostname, port })}`,
    port,
    stop: (graceMs) => stopGracefully(server, front, graceMs),
  };
}

function listenLocally(claim: UnixSocketClaim, options: ServeOptions, tcp: Listener): Listener {
  const sockets = socketsOf(options);
  const front = new FrontDoor(options, sockets);
  try {
    const server = claim.bind((unix) =>
      listen(claim.path, () => serveUnix(unix, settings(front, options, sockets))),
    );
    front.open(new Set([UNIX_SOCKET_HOST]));
    return {
      stop: (graceMs) => {
        claim.release();
        return stopGracefully(server, front, graceMs);
      },
    };
  } catch (error) {
    void tcp.stop(0);
    throw error;
  }
}

function socketsOf({ sockets }: ServeOptions): WebSockets | undefined {
  return sockets && new WebSockets(sockets);
}

/** Refuses what no handler can have accepted: the runtime wants somebody to hear of sockets. */
const NO_SOCKETS = new WebSockets({ maxMessageBytes: 1, maxSockets: 0 });

function serveUnix(unix: string, served: ReturnType<typeof settings>): Server {
  const { idleTimeout, ...rest } = served;
  const withPath: Bun.Serve.Options<SocketData> = { ...rest, unix };
  // The runtime keeps this limit on a Unix socket as well; only its types do not know.
  return Bun.serve(Object.assign(withPath, { idleTimeout }));
}

function settings(
  front: FrontDoor,
  { idleSeconds = DEFAULT_IDLE_SECONDS, log }: ServeOptions,
  sockets: WebSockets = NO_SOCKETS,
) {
  return {
    websocket: sockets.handlers,
    idleTimeout: idleSeconds,
    // Counted by readBody, so that the refusal comes in the caller's envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request: Request, server: Server) => front.answer(request, server),
    error: (error: Error) => {
      log.error("request failed outside its handler", { error });
      return new Response(null, { status: 500 });
    },
  };
}

function listen(address: BindAddress | string, start: () => Server): Server {
  try {
    return start();
  } catch (error) {
    throw toListenError(address, error);
  }
}

/** The names to be called by; undefined is any single one. */
function servedHosts({
  bind,
  port,
  scheme,
  allowedHosts,
}: {
  bind: BindAddress;
  port: number;
  scheme: "http" | "https";
  allowedHosts: readonly string[];
}): ReadonlySet<string> | undefined {
  if (!isLoopback(bind.hostname) && allowedHosts.length === 0) return undefined;
  // Beyond loopback too: this machine's own clients call there, and no web page can bear these names.
  return loopbackHosts(port, { scheme }).union(listedHosts(allowedHosts, port));
}

function refuseUnusableNames(bind: BindAddress, names: readonly string[]): void {
  const wrong = names.find((name) => !isSingleHost(name));
  if (wrong === undefined) return;
  const shown = JSON.stringify(wrong.slice(0, 100));
  const problem = `${shown} is not a name to be called by. Write host or host:port, for example broker.example.`;
  throw new ListenError("host_name_invalid", bind, problem);
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

async function stopGracefully(server: Server, front: FrontDoor, graceMs: number): Promise<void> {
  front.close();
  const { promise: isGraceOver, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([server.stop(), isGraceOver]);
  clearTimeout(timer);
  await server.stop(true);
}
