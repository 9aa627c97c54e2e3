// Serves the administrator's routes where the operator wants them. Refuses any address beyond this machine: the
// owner's token would cross the network in the clear; tunnel there instead.

import {
  type HttpServer,
  isLoopback,
  type Logger,
  parseBindAddress,
  serveHttp,
  UnsafeBindError,
} from "#platform";
import { type AdminParts, createAdminApp } from "./admin-app.ts";

/** Largest body of an administrator's request, in bytes. */
export const MAX_ADMIN_BODY_BYTES = 256 * 1024;

/** Starts listening; undefined for `off`. Throws UnsafeBindError, ListenError. */
export function serveAdmin(
  address: string,
  { log, ...parts }: AdminParts & { log: Logger },
): HttpServer | undefined {
  if (address === "off") return undefined;
  const bind = parseBindAddress(address);
  if (!isLoopback(bind.hostname)) {
    throw new UnsafeBindError(bind, "gateway.adminBind is for this machine only: use 127.0.0.1.");
  }
  const app = createAdminApp(parts);
  const server = serveHttp({
    bind,
    admit: app.admit,
    fetch: app.fetch,
    hasToken: true,
    maxBodyBytes: MAX_ADMIN_BODY_BYTES,
    refuse: ({ status, code, message }) => Response.json({ error: { code, message } }, { status }),
    log,
  });
  log.info("keys can be administered over HTTP", { url: server.url });
  return server;
}
