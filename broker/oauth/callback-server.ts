// Waits on loopback for the browser to come back from a login: bound before the address is shown, open for
// one answer, then closed. Refuses other paths, methods, hosts and embedded requests without ending the wait.

import { ListenError, loopbackHosts, PortInUseError, toListenError } from "#platform";
import { callbackPage } from "./callback-page.ts";
import type { Redirect } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";
import { portHolder } from "./port-holder.ts";

/** An idle connection to the callback server is cut after this, in s. */
export const CALLBACK_IDLE_S = 10;
/** How long the last page may take to reach the browser, in ms. */
export const LAST_PAGE_MS = 500;
/** Tries to find one free port on both loopback addresses. */
const EPHEMERAL_TRIES = 5;

/** Reads a callback: undefined leaves it waiting, a thrown error ends the login. */
export type AcceptCallback<T> = (params: URLSearchParams) => T | undefined;

/** A bound callback address. */
export interface CallbackServer {
  /** What the provider is given as redirect_uri. */
  readonly redirectUri: string;
  readonly port: number;
  /** Resolves with the first callback that is accepted; rejects with what `accept` threw. Call it once. */
  wait<T>(accept: AcceptCallback<T>): Promise<T>;
  /** Lets the last page go out, and frees the port. */
  close(): Promise<void>;
}

type Answer = (request: Request) => Response;

/**
 * Binds the first free port of a redirect. Throws LoginError `callback_port_in_use`, which names the process
 * that holds it where that can be told, or `callback_unavailable`.
 */
export function listenForCallback(
  redirect: Redirect,
  { port }: { port?: number | undefined } = {},
): CallbackServer {
  const candidates = port === undefined ? [redirect.port, ...redirect.alternatePorts] : [port];
  for (const candidate of candidates) {
    const server = tryListen(redirect, candidate);
    if (server !== undefined) return server;
  }
  throw portsInUse(candidates);
}

function tryListen(redirect: Redirect, port: number): CallbackServer | undefined {
  const waiting = new WaitingRoom(redirect.path);
  try {
    const servers = listenAll(redirect.host, port, (request) => waiting.answer(request));
    const bound = servers[0]?.port ?? port;
    waiting.open(bound);
    return {
      redirectUri: `http://${redirect.host}:${bound}${redirect.path}`,
      port: bound,
      wait: (accept) => waiting.wait(accept),
      close: async () => {
        waiting.close();
        await Promise.all(servers.map(stopSoon));
      },
    };
  } catch (error) {
    if (error instanceof PortInUseError) return undefined;
    if (!(error instanceof ListenError)) throw error;
    throw new LoginError("callback_unavailable", error.message, { cause: error });
  }
}

/** The one login that is waited for. */
class WaitingRoom {
  readonly #path: string;
  #hosts: ReadonlySet<string> = new Set();
  #deliver: ((params: URLSearchParams) => "done" | "failed" | "ignored") | undefined;
  #isOver = false;

  constructor(path: string) {
    this.#path = path;
  }

  open(port: number): void {
    this.#hosts = loopbackHosts(port);
  }

  close(): void {
    this.#isOver = true;
  }

  wait<T>(accept: AcceptCallback<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#deliver = (params) => {
      try {
        const value = accept(params);
        if (value === undefined) return "ignored";
        resolve(value);
        return "done";
      } catch (error) {
        reject(error);
        return "failed";
      }
    };
    return promise;
  }

  answer(request: Request): Response {
    const host = request.headers.get("host")?.toLowerCase() ?? "";
    if (!this.#hosts.has(host)) return callbackPage("notFound");
    const url = new URL(request.url);
    if (url.pathname !== this.#path) return callbackPage("notFound");
    if (request.method !== "GET") return callbackPage("wrongMethod");
    if (!isNavigation(request.headers)) return callbackPage("ignored");
    if (this.#isOver) return callbackPage("over");
    const outcome = this.#deliver?.(url.searchParams) ?? "ignored";
    if (outcome !== "ignored") this.#isOver = true;
    return callbackPage(outcome);
  }
}

// A page can make a browser call us by an image or a script; a login ends in a visit of the tab itself.
function isNavigation(headers: Headers): boolean {
  const mode = headers.get("sec-fetch-mode") ?? "navigate";
  const destination = headers.get("sec-fetch-dest") ?? "document";
  return mode === "navigate" && destination === "document" && headers.get("origin") === null;
}

type Server = Bun.Server<undefined>;

// A browser may take `localhost` for either address; whoever held the other one would get the code.
function listenAll(host: Redirect["host"], port: number, answer: Answer): Server[] {
  if (host === "127.0.0.1") return [listen("127.0.0.1", port, answer)];
  for (let triesLeft = EPHEMERAL_TRIES; ; triesLeft--) {
    const ipv4 = listen("127.0.0.1", port, answer);
    try {
      return [ipv4, listen("::1", ipv4.port ?? port, answer)];
    } catch (error) {
      // A machine without IPv6 has nobody there either.
      if (!(error instanceof PortInUseError)) return [ipv4];
      void ipv4.stop(true);
      if (port !== 0 || triesLeft <= 1) throw error;
    }
  }
}

function listen(hostname: string, port: number, answer: Answer): Server {
  try {
    return Bun.serve({
      hostname,
      port,
      fetch: answer,
      idleTimeout: CALLBACK_IDLE_S,
      maxRequestBodySize: 0,
      error: () => callbackPage("failed"),
    });
  } catch (error) {
    throw toListenError({ hostname, port }, error);
  }
}

// Browsers hold connections open that they never use; only a page on its way is worth waiting for.
async function stopSoon(server: Server): Promise<void> {
  await Promise.race([server.stop(), Bun.sleep(LAST_PAGE_MS)]);
  await server.stop(true);
}

function portsInUse(ports: readonly number[]): LoginError {
  const holders = ports.map((port) => {
    const holder = portHolder(port);
    const who = holder === undefined ? "another process" : `${holder.command}, pid ${holder.pid}`;
    return `port ${port} is held by ${who}`;
  });
  return new LoginError(
    "callback_port_in_use",
    `the login must end on this machine, but ${holders.join("; ")}`,
    { fix: "End that process or wait until it is done, then log in again." },
  );
}
