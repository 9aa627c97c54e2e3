// The contract of a route: what it answers to, and what it is given once its caller is known. A route never sees a
// socket, and never decides who may call.

import type { RequestControl } from "#platform";
import type { CallerFormat } from "../formats/format.ts";
import type { Caller } from "../pipeline/caller.ts";
import type { OwnCredential } from "../pipeline/own-credential.ts";

/** One request whose caller is known. */
export interface Call {
  readonly request: Request;
  readonly body: Uint8Array;
  readonly requestId: string;
  readonly caller: Caller;
  /** A credential of the caller's own, where its key lets one pass. */
  readonly own?: OwnCredential;
  /** The dialect for errors and lists: the route's own, else the one the caller's headers speak. */
  readonly format: CallerFormat;
  /** What stands for `:id` in the path, decoded; absent where the path has none. */
  readonly id?: string;
  /** Turns the request into a WebSocket; absent where the server takes none. */
  readonly upgrade?: RequestControl["upgrade"];
}

/** Where a route is. */
export interface Place {
  readonly method: "GET" | "POST" | "DELETE";
  /** As Hono writes it: `/v1/models/:id{.+}` takes slashes too. */
  readonly path: string;
}

/** Answers anybody, without a key. */
export interface OpenRoute extends Place {
  answer(request: Request): Response | Promise<Response>;
}

/** Answers callers with a key. Throws GatewayError, which becomes an answer in the caller's dialect. */
export interface Route extends Place {
  readonly format?: CallerFormat;
  answer(call: Call): Response | Promise<Response>;
}

/** `GET /v1/models/:id`, as a person reads it. */
export function describeRoute({ method, path }: Place): string {
  return `${method} ${path.replace(/\{[^}]*\}/g, "")}`;
}

/** True when the route's path, by whatever method, is `path`. */
export function matchesPath({ path: pattern }: Place, path: string): boolean {
  if (!pattern.includes(":")) return pattern === path;
  const source = pattern.replace(/:\w+(?:\{([^}]*)\})?/g, (_, own?: string) => own ?? "[^/]+");
  return new RegExp(`^${source}$`).test(path);
}
