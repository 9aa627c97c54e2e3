// A process that plays the providers: all three formats on one raw TCP port, every byte computed once, so that it
// costs next to nothing. Understands no request beyond its path, `"stream":true` and the plan in its prompt. Tells
// what it has seen when asked on stdin, and ends with it.

import type { Socket } from "bun";
import { dialectIds, dialects, type DialectId } from "./dialects.ts";
import { burst, floodStream, pacedStream, wholeReply } from "./mock/answers.ts";
import { MockQuestion, type MockReport } from "./mock/report.ts";
import { sendFlood, sendNothing, sendPaced, type Sending } from "./mock/sending.ts";
import { readPlan, type Plan } from "./plan.ts";
import { SocketWriter } from "./socket-writer.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const STREAM_FLAG = Buffer.from('"stream":true');
const PLAN = Buffer.from("plan:");
const PLAN_CHARS = 64;
const NOT_FOUND = Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
const BYTES_PER_MIB = 1_048_576;

const idOfPath = new Map(dialectIds.map((id) => [dialects[id].path, id]));

interface Connection {
  readonly writer: SocketWriter;
  /** Bytes of a request that is not complete. */
  pending: Buffer;
  /** The answer that is not finished, and whose it is. */
  current?: { readonly sending: Sending; readonly client: number } | undefined;
}

const open = new Set<Socket<Connection>>();
const counts = { deltas: 0, floodBytes: 0 };
const closedAtMs = new Map<string, number>();

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
  const [plain = path] = path.split("?");
  const id = idOfPath.get(plain);
  if (id) answer(socket, id, request, headEnd);
  else socket.data.writer.write(socket, NOT_FOUND);
}

function answer(socket: Socket<Connection>, id: DialectId, request: Buffer, from: number): void {
  const at = request.indexOf(PLAN, from);
  const { plan, client } = readPlan(request.toString("latin1", at, at + PLAN_CHARS));
  if (plan.kind === "burst") {
    const isStream = request.indexOf(STREAM_FLAG, from) !== -1;
    socket.data.writer.write(socket, (isStream ? burst : wholeReply)(id, plan.deltas));
    return;
  }
  open.add(socket);
  socket.data.current = { client, sending: begin(socket, id, plan) };
}

function begin(socket: Socket<Connection>, id: DialectId, plan: Plan): Sending {
  const { writer } = socket.data;
  const onEnd = () => {
    open.delete(socket);
    socket.data.current = undefined;
  };
  const outlet = { socket, writer, counts, onEnd };
  if (plan.kind === "paced") return sendPaced(pacedStream(id, plan.deltas), plan.everyMs, outlet);
  if (plan.kind === "flood") return sendFlood(floodStream(id), plan.mib * BYTES_PER_MIB, outlet);
  return sendNothing();
}

function isWhole(head: string, request: Buffer, bodyStart: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return request.length >= bodyStart + Number(length);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return true;
  return request.subarray(bodyStart).includes(LAST_CHUNK);
}

function closed(socket: Socket<Connection>): void {
  const { current } = socket.data;
  if (!current) return;
  current.sending.stop();
  open.delete(socket);
  socket.data.current = undefined;
  closedAtMs.set(String(current.client), performance.timeOrigin + performance.now());
}

function reset(): void {
  for (const socket of open) {
    socket.data.current?.sending.stop();
    // Not counted as closed from outside.
    socket.data.current = undefined;
    socket.terminate();
  }
  open.clear();
  closedAtMs.clear();
  counts.deltas = 0;
  counts.floodBytes = 0;
}

function report(): MockReport {
  return { open: open.size, ...counts, closedAtMs: Object.fromEntries(closedAtMs) };
}

const server = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { writer: new SocketWriter(), pending: Buffer.alloc(0) };
    },
    drain: (socket) => {
      socket.data.writer.drain(socket);
      socket.data.current?.sending.resume();
    },
    data: receive,
    close: closed,
    // A gateway that leaves is its own business; Bun would throw without a handler.
    error: (socket, error) => {
      process.stderr.write(`${error.message}\n`);
      socket.terminate();
    },
  },
});

console.log(JSON.stringify({ url: `http://127.0.0.1:${server.port}` }));
for await (const line of console) {
  if (MockQuestion.parse(JSON.parse(line)).ask === "reset") reset();
  console.log(JSON.stringify(report()));
}
process.exit(0);
