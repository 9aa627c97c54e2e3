// An upstream that misbehaves below HTTP: each connection is a socket in the hands of the test, which learns
// when the gateway let go of it. Refuses to speak HTTP by itself.

import { createServer, type Server, type Socket } from "node:net";

/** What is remembered of a call: not its socket, so that memory can be measured. */
export interface ClosedCall {
  /** Performance time at which the connection was closed, by whomever. */
  readonly closedAt: Promise<number>;
}

/** One connection of the gateway, once its request has arrived whole. */
interface RawCall {
  readonly socket: Socket;
  /** Writes, and waits for room where the far end is slow; false once the connection is gone. */
  write(data: string | Uint8Array): Promise<boolean>;
}

/** What a raw upstream does with a call. */
export type Misbehaviour = (call: RawCall) => unknown;

/** A running raw upstream. */
export interface RawUpstream extends AsyncDisposable {
  /** Base URL without a trailing slash. */
  readonly url: string;
  /** Every connection that brought a request, oldest first. */
  readonly calls: readonly ClosedCall[];
}

/** Starts one on loopback; `behave` is asked anew for every request. */
export async function startRawUpstream(behave: Misbehaviour): Promise<RawUpstream> {
  const calls: ClosedCall[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = "";
    const closed = Promise.withResolvers<number>();
    socket.on("close", () => {
      sockets.delete(socket);
      closed.resolve(performance.now());
    });
    // A reset is what many of these tests are about.
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (!isWhole(received)) return;
      received = "";
      calls.push({ closedAt: closed.promise });
      behave({ socket, write: (data) => write(socket, data) });
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
}

function isWhole(received: string): boolean {
  const head = received.indexOf("\r\n\r\n");
  if (head === -1) return false;
  const length = /^content-length: *(\d+)/im.exec(received.slice(0, head))?.[1];
  return received.length - head - 4 >= Number(length ?? 0);
}

function write(socket: Socket, data: string | Uint8Array): Promise<boolean> {
  if (socket.destroyed || !socket.writable) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (isOpen: boolean) => {
      socket.off("close", onClose);
      resolve(isOpen);
    };
    const onClose = () => done(false);
    socket.once("close", onClose);
    socket.write(data, (error) => done(!error));
  });
}
