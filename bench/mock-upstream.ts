// A process that plays the providers: all three formats on one raw TCP port, whole replies or bursts of
// deltas, every byte computed before the first request, so that it costs next to nothing. Understands no
// request beyond its path and `"stream":true`. Ends with stdin.

import type { Socket } from "bun";
import { dialectIds, dialects, streamFrames } from "./dialects.ts";
import { markedPieces } from "./marked-text.ts";
import { SocketWriter } from "./socket-writer.ts";
import { REPLY_PIECES, STREAM_DELTAS } from "./workload.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const STREAM_FLAG = Buffer.from('"stream":true');

interface Answers {
  readonly path: string;
  readonly whole: Buffer;
  readonly stream: Buffer;
}

const answers: readonly Answers[] = dialectIds.map((id) => {
  const dialect = dialects[id];
  const reply = JSON.stringify(dialect.reply(markedPieces(REPLY_PIECES).join("")));
  return {
    path: dialect.path,
    whole: withHead("application/json", `content-length: ${reply.length}`, reply),
    stream: withHead(
      "text/event-stream; charset=utf-8",
      "transfer-encoding: chunked",
      // One HTTP chunk per event, as providers send them.
      [...streamFrames(dialect, markedPieces(STREAM_DELTAS)), ""].map(chunk).join(""),
    ),
  };
});

function withHead(type: string, framing: string, body: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\n\r\n${body}`);
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const NOT_FOUND = Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");

interface Connection {
  readonly writer: SocketWriter;
  /** Bytes of a request that is not complete. */
  pending: Buffer;
}

function receive(socket: Socket<Connection>, bytes: Buffer): void {
  const { pending } = socket.data;
  const request = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
  const headEnd = request.indexOf(HEAD_END);
  const head = headEnd === -1 ? "" : request.toString("latin1", 0, headEnd);
  // Clients wait for their answer, so a second request never follows in the same bytes.
  if (headEnd === -1 || !isWhole(head, request, headEnd + HEAD_END.length)) {
    socket.data.pending = request;
    return;
  }
  socket.data.pending = Buffer.alloc(0);
  const path = head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/"));
  const found = answers.find((each) => path === each.path);
  const isStream = request.indexOf(STREAM_FLAG, headEnd) !== -1;
  socket.data.writer.write(socket, found ? (isStream ? found.stream : found.whole) : NOT_FOUND);
}

function isWhole(head: string, request: Buffer, bodyStart: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return request.length >= bodyStart + Number(length);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return true;
  return request.subarray(bodyStart).includes(LAST_CHUNK);
}

const server = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { writer: new SocketWriter(), pending: Buffer.alloc(0) };
    },
    drain: (socket) => socket.data.writer.drain(socket),
    data: receive,
    // A gateway that leaves is its own business; Bun would throw without a handler.
    error: () => undefined,
  },
});

console.log(JSON.stringify({ url: `http://127.0.0.1:${server.port}` }));
for await (const _ of console) continue;
process.exit(0);
