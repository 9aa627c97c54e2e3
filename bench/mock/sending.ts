// Answers of the mock that take a while: one delta at a time, as many bytes as are taken, or nothing. Each ends by
// itself, or when its connection does.

import type { StreamBytes } from "./answers.ts";
import type { SocketWriter, Writable } from "../socket-writer.ts";

/** An answer that is not finished. */
export interface Sending {
  /** Call from the socket's `drain`, after the writer's. */
  readonly resume: () => void;
  /** Its connection is gone. */
  readonly stop: () => void;
}

/** What every sending counts into. */
export interface SendingCounts {
  deltas: number;
  floodBytes: number;
}

/** Where an answer goes. */
export interface Outlet {
  readonly socket: Writable;
  readonly writer: SocketWriter;
  readonly counts: SendingCounts;
  readonly onEnd: () => void;
}

/** Sends one delta with the head, then one every `everyMs`. */
export function sendPaced(bytes: StreamBytes, everyMs: number, outlet: Outlet): Sending {
  const { socket, writer, counts, onEnd } = outlet;
  const { lead, deltas, tail } = bytes;
  let next = 1;
  writer.write(socket, Buffer.concat([lead, deltas[0] ?? tail]));
  counts.deltas += 1;
  const timer = setInterval(() => {
    const delta = deltas[next];
    next += 1;
    if (delta) {
      counts.deltas += 1;
      writer.write(socket, delta);
      return;
    }
    clearInterval(timer);
    writer.write(socket, tail);
    onEnd();
  }, everyMs);
  return { resume: () => undefined, stop: () => clearInterval(timer) };
}

/** Sends `maxBytes` as fast as they are taken. */
export function sendFlood(bytes: StreamBytes, maxBytes: number, outlet: Outlet): Sending {
  const { socket, writer, counts, onEnd } = outlet;
  const block = bytes.deltas[0] ?? bytes.tail;
  let sentBytes = 0;
  let hasEnded = false;
  const resume = () => {
    while (!hasEnded && !writer.isWaiting) {
      if (sentBytes >= maxBytes) {
        hasEnded = true;
        writer.write(socket, bytes.tail);
        onEnd();
        return;
      }
      writer.write(socket, block);
      sentBytes += block.length;
      counts.floodBytes += block.length;
    }
  };
  writer.write(socket, bytes.lead);
  resume();
  const stop = () => {
    hasEnded = true;
  };
  return { resume, stop };
}

/** Sends nothing, ever. */
export function sendNothing(): Sending {
  return { resume: () => undefined, stop: () => undefined };
}
