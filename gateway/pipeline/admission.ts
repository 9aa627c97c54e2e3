// Whether a caller may make a request at all: model rules, limits, budgets. Decided after the route is known and
// before anything is sent, so that what is reserved can be priced. Refuses by throwing GatewayError.

import type { CatalogModel } from "../models/catalog.ts";
import type { Exchange } from "./exchange.ts";
import type { WayOffer } from "./route.ts";
import type { Settlement } from "./settlement.ts";

/** What is asked for. */
export interface AdmissionRequest {
  readonly exchange: Exchange;
  /** The first upstream that would be tried. */
  readonly target: CatalogModel;
  /** The broker's id of its credential; absent for other keys. */
  readonly credentialId?: number;
  /** True for the caller's own credential. */
  readonly isOwn?: boolean;
  /** The caller's body. */
  readonly bytes: Uint8Array;
  readonly isStream: boolean;
}

/** A request that was let in. */
export interface Ticket {
  /** Told when another upstream is tried than before; throws, or rejects with, GatewayError when what it may cost is not left. */
  moves?(target: CatalogModel): void | Promise<void>;
  /** Gives back what was reserved and books what was used; called exactly once. */
  settle(settlement: Settlement): void;
}

/** Lets requests in. */
export interface Admission {
  /** Throws, or rejects with, GatewayError (`forbidden`, `rate_limited`, `budget_exceeded` …) for what may not pass. */
  admit(request: AdmissionRequest): Ticket | Promise<Ticket>;
  /**
   * Whether the caller may be served in a way, the first or a later one; without it, in any. When it allows none, the
   * first is admitted all the same, so that `admit` can say why not. Synchronous and cheap: asked for each way.
   */
  readonly mayUse?: (exchange: Exchange, offer: WayOffer) => boolean;
}

const NOTHING: Ticket = { settle: () => {} };

/** Lets everybody in who has a key. */
export const openAdmission: Admission = { admit: () => NOTHING };
