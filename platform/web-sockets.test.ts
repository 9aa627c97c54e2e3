// Sockets keep to their limits whatever the other end does; the other end here is a bare TCP client where it matters.

import { afterEach, expect, test } from "bun:test";
import { connect, type Socket as TcpSocket } from "node:net";
import { serveHttp, type HttpServer } from "./http-server.ts";
import { createLogger } from "./log.ts";
import { UpgradeError, type Socket, type SocketLimits } from "./web-sockets.ts";

const servers: HttpServer[] = [];
const peers: TcpSocket[] = [];

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.destroy();
  for (const server of servers.splice(0)) await server.stop({ graceMs: 0 });
});

function serve(limits: Partial<SocketLimits>, onOpen: (socket: Socket) => void) {
  const closed = Promise.withResolvers<void>();
  const server = serveHttp({
    bind: { hostname: "127.0.0.1", port: 0 },
    hasToken: true,
    sockets: { maxMessageBytes: 8 * 1024 * 1024, maxSockets: 1, ...limits },
    log: createLogger({ level: "error", write: () => {} }),
    refuse: ({ status }) => new Response(null, { status }),
    fetch: (_request, { upgrade }) => {
      try {
        const accept = (socket: Socket) => {
          onOpen(socket);
          return { message: () => {}, drain: () => socket.close(1001, ""), closed: closed.resolve };
        };
        return upgrade?.(accept) ?? new Response(null, { status: 426 });
      } catch (error) {
        const code = error instanceof UpgradeError ? error.code : "";
        return new Response(code, { status: 503 });
      }
    },
  });
  servers.push(server);
  return { server, closed: closed.promise };
}

/** Connects, and reads nothing beyond the handshake. */
async function connectSilently({ port }: HttpServer): Promise<TcpSocket> {
  const peer = connect(port, "127.0.0.1");
  peers.push(peer);
  peer.on("error", () => {});
  peer.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await new Promise((resolve) => peer.once("data", resolve));
  peer.pause();
  return peer;
}

/** True when the promise was settled before the next turn of the event loop. */
function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const later = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([promise.then(() => true), later]);
}

const LARGE = "x".repeat(4 * 1024 * 1024);

test("a peer that does not read makes the sender wait, and is served on when it does", async () => {
  const opened = Promise.withResolvers<Socket>();
  const { server } = serve({}, opened.resolve);
  const peer = await connectSilently(server);
  const socket = await opened.promise;
  let sending = socket.send(LARGE);
  while (await isSettled(sending)) sending = socket.send(LARGE);
  peer.resume();
  expect(await sending).toBe(true);
  expect(await socket.send(LARGE)).toBe(true);
});

test("a peer that never reads is cut off", async () => {
  const opened = Promise.withResolvers<Socket>();
  const { server, closed } = serve({ stallMs: 20 }, opened.resolve);
  await connectSilently(server);
  const socket = await opened.promise;
  while (await socket.send(LARGE));
  await closed;
  expect(await socket.send("more")).toBe(false);
});

test("one socket too many, and a handshake that is none, are refused with the reason", async () => {
  const { server } = serve({}, () => {});
  const plain = await fetch(server.url);
  expect([plain.status, await plain.text()]).toEqual([503, "handshake_invalid"]);
  await connectSilently(server);
  const refused = await fetch(server.url, {
    headers: { connection: "upgrade", upgrade: "websocket" },
  });
  expect([refused.status, await refused.text()]).toEqual([503, "sockets_full"]);
});

test("a server that was not told to take sockets gives handlers no way to", async () => {
  const server = serveHttp({
    bind: { hostname: "127.0.0.1", port: 0 },
    hasToken: true,
    log: createLogger({ level: "error", write: () => {} }),
    refuse: ({ status }) => new Response(null, { status }),
    fetch: (_request, { upgrade }) => Response.json({ has: upgrade !== undefined }),
  });
  servers.push(server);
  expect(await (await fetch(server.url)).json()).toEqual({ has: false });
});
