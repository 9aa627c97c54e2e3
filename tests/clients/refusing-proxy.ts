// A proxy that lets nothing through and remembers what was asked for: every client gets it as its way to the world, so
// that none of them reaches a live host, and an attempt is seen.

import { createServer, type Server } from "node:http";

/** A running proxy. */
export interface RefusingProxy extends AsyncDisposable {
  readonly url: string;
  /** Hosts asked for since the last call. */
  takeAsked(): readonly string[];
}

/** Starts one on a free port of this machine. */
export async function startRefusingProxy(): Promise<RefusingProxy> {
  let asked = new Set<string>();
  const server = createServer((request, response) => {
    asked.add(URL.parse(request.url ?? "")?.host ?? request.headers.host ?? "?");
    response.writeHead(403).end("nothing but the gateway is there\n");
  });
  server.on("connect", (request, socket) => {
    asked.add(request.url ?? "?");
    socket.on("error", () => {});
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    takeAsked: () => {
      const hosts = [...asked];
      asked = new Set();
      return hosts;
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
}
