// What anybody may ask: is this a gateway, and does it run? Says nothing else about itself.

import { VERSION } from "#platform";
import type { OpenRoute } from "./route.ts";

const health: OpenRoute = {
  method: "GET",
  path: "/healthz",
  answer: () => Response.json({ ok: true, version: VERSION }),
};

/** Claude Code asks with HEAD whether its base URL leads anywhere. */
const hello: OpenRoute = {
  method: "GET",
  path: "/api/hello",
  answer: () => new Response(null, { status: 200 }),
};

/** Routes without a key; each answers HEAD too. */
export const openRoutes: readonly OpenRoute[] = [health, hello];
