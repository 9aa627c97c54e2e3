// The ways in which one request can be served, tried in order until one answers. A way is a model of an upstream
// and a key for it; the next one is only looked for when the one before has failed before its first byte.

import type { GatewayError } from "../errors.ts";
import type { CatalogModel, ModelCatalog } from "../models/catalog.ts";
import type { Exchange } from "./exchange.ts";
import type { KeyLeases, Lease } from "./lease.ts";

/** What a route is made for. */
export interface RouteRequest {
  /** Model id as the caller wrote it. */
  readonly model: string;
  readonly exchange: Exchange;
  /** The caller's body; affinity may look into it. */
  readonly bytes: Uint8Array;
}

/** One way. */
export interface Attempt {
  readonly target: CatalogModel;
  readonly lease: Lease;
}

/** The ways of one request. */
export interface Route {
  /** The next way; undefined when there is none left. Throws GatewayError when there never was one. */
  next(): Promise<Attempt | undefined>;
  /** Told why a way failed before its first byte; decides whether another may be tried. */
  failed(attempt: Attempt, error: GatewayError): void;
  /** Told that an answer has begun. */
  served(attempt: Attempt): void;
}

/** Finds ways. */
export interface Router {
  /** Throws UnknownModel or AmbiguousModel. */
  begin(request: RouteRequest): Route;
}

/** The one upstream that has the model, with the one key that is there for it. */
export class SingleRouter implements Router {
  readonly #catalog: ModelCatalog;
  readonly #leases: KeyLeases;

  constructor(catalog: ModelCatalog, leases: KeyLeases) {
    this.#catalog = catalog;
    this.#leases = leases;
  }

  begin({ model }: RouteRequest): Route {
    const target = this.#catalog.resolve(model);
    let isTried = false;
    return {
      next: async () => {
        if (isTried) return undefined;
        isTried = true;
        return { target, lease: await this.#leases.lease(target.provider) };
      },
      failed: () => {},
      served: () => {},
    };
  }
}
