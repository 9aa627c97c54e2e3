// What a route is: a method, a path, the permission that opens it, and what answers. Declared as data, so that
// nothing is served that the list does not show, and a test can try every route with every permission.

import type { RequestControl } from "#platform";
import type { Permission } from "../access/permissions.ts";
import type { Principal } from "../access/principal.ts";

/** What the audit log calls the requests of the routes. */
export type RouteAction =
  | "snapshot.read"
  | "snapshot.stream"
  | "credential.lease"
  | "credential.refresh"
  | "credential.block"
  | "credential.unblock"
  | "credential.upsert"
  | "credential.disable"
  | "credential.disabled_list"
  | "usage.read"
  | "usage.report";

/** A request that may be answered: the caller is known and has the route's permission. */
export interface Call {
  readonly request: Request;
  /** The whole body; empty when there is none. */
  readonly body: Uint8Array;
  readonly caller: Principal;
  readonly query: URLSearchParams;
  /** The `:id` of the path as it was sent; empty on routes without one. */
  readonly id: string;
  readonly control: RequestControl;
  /**
   * Puts the request on record as permitted, naming what it is about: before anything is changed, and before
   * a secret is returned. Rejects when it cannot, and then neither may happen.
   */
  record(target: string): Promise<void>;
}

/** One route behind the bearer. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** A path, perhaps with one `:id`. */
  readonly path: string;
  readonly permission: Permission;
  readonly action: RouteAction;
  /** Answers, or throws Refusal or BrokerError. */
  handle(call: Call): Response | Promise<Response>;
}
