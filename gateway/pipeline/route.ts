// The ways in which one request can be served, tried in order until one answers. A way is a model of an upstream
// and a key for it; the next one is only looked for when the one before has failed before its first byte.

import type { GatewayError } from "../errors.ts";
import type { CatalogModel } from "../models/catalog.ts";
import type { Exchange } from "./exchange.ts";
import type { Lease } from "./lease.ts";

/** What a way is judged by before it is tried. */
export interface WayOffer {
  readonly target: CatalogModel;
  /** The broker's id of the credential; absent for other keys. */
  readonly credentialId?: number;
  /** True for the caller's own credential. */
  readonly isOwn?: boolean;
}

/** What a route is made for. */
export interface RouteRequest {
  /** Model id as the caller wrote it. */
  readonly model: string;
  readonly exchange: Exchange;
  /** The caller's body; affinity may look into it. */
  readonly bytes: Uint8Array;
  /** Whether the caller may be served in a way; without it, in any. */
  readonly allows?: (offer: WayOffer) => boolean;
}

/** One way. */
export interface Attempt {
  readonly target: CatalogModel;
  readonly lease: Lease;
  /** Most calls it may cost: a connection that broke may be tried once more. */
  readonly maxCalls: number;
  /** True once an account could not read the reasoning that the request replays: it goes without. */
  readonly isUnsealed?: boolean;
}

/** The ways of one request. */
export interface Route {
  /** The next way; undefined when there is none left. Throws GatewayError when there never was one. */
  next(): Promise<Attempt | undefined>;
  /** Told why a way failed before its first byte; decides whether another may be tried. */
  failed(attempt: Attempt, error: GatewayError): void;
  /** What the caller is told when no way is left and `last` was the last failure. */
  refusal(last: unknown): unknown;
  /** Told that an answer has begun. */
  served(attempt: Attempt): void;
  /** Told once that nothing more is tried, whatever came of it: an answer, a refusal, a caller who left. */
  ended(): void;
}

/** Finds ways. */
export interface Router {
  /** Throws UnknownModel or AmbiguousModel. */
  begin(request: RouteRequest): Route;
}
