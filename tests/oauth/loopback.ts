// Plain HTTP servers on a free port of this machine, and the few answers that the peers give. Refuses to be
// reached from elsewhere.

import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on a free port of 127.0.0.1. */
export function listenOnLoopback(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
}

/** Where a listening server is reached, without a trailing slash. */
export function originOf(server: Server): string {
  // A server that listens on TCP has such an address; the other shapes are for pipes and for closed ones.
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** Stops listening and cuts what is open. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Answers with a body of known length. */
export function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Uint8Array,
): void {
  // Not writeHead: a fault may still change the headers when the body is complete.
  response.statusCode = status;
  response.setHeader("content-type", contentType);
  response.setHeader("content-length", Buffer.byteLength(body));
  response.setHeader("cache-control", "no-store");
  response.end(body);
}

/** An error answer of RFC 6749 §5.2. */
export function oauthError(
  response: ServerResponse,
  status: number,
  error: string,
  description = error,
): void {
  const body = { error, error_description: description };
  answer(response, status, "application/json", JSON.stringify(body));
}
