// Where the gateway keeps its bearer, and how that begins.

import { join } from "node:path";
import { type Environment, homeDirectory } from "#platform";

/** First characters of a gateway bearer, so that it is recognised where it should not be. */
export const GATEWAY_TOKEN_PREFIX = "pgw_";

/** File that holds the gateway's bearer. */
export function gatewayTokenPath(env: Environment): string {
  return join(homeDirectory(env), "auth-gateway.token");
}
