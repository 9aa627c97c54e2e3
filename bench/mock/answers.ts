// The bytes of the mock's answers, made once for each format and plan, so that answering costs a lookup.

import { dialects, streamFrames, type DialectId } from "../dialects.ts";
import { markedPieces } from "../marked-text.ts";

/** A stream that is sent piece by piece. */
export interface StreamBytes {
  /** Head of the answer and the events before the first delta. */
  readonly lead: Buffer;
  readonly deltas: readonly Buffer[];
  /** The events after the last delta, and the last chunk. */
  readonly tail: Buffer;
}

/** Characters of a flood's delta, without its number. */
const FLOOD_DELTA_CHARS = 1_024;

/** Deltas in the block that a flood repeats. */
const FLOOD_BLOCK_DELTAS = 64;

const STREAM_HEAD = headOf("text/event-stream; charset=utf-8", "transfer-encoding: chunked");

/** One whole reply of so many numbered pieces. */
export function wholeReply(id: DialectId, pieces: number): Buffer {
  return cached(wholes, `${id} ${pieces}`, () => {
    const reply = JSON.stringify(dialects[id].reply(markedPieces(pieces).join("")));
    return Buffer.from(headOf("application/json", `content-length: ${reply.length}`) + reply);
  });
}

/** A stream of so many numbered deltas in one piece. */
export function burst(id: DialectId, deltas: number): Buffer {
  return cached(bursts, `${id} ${deltas}`, () => {
    const { lead, deltas: each, tail } = pacedStream(id, deltas);
    return Buffer.concat([lead, ...each, tail]);
  });
}

/** A stream of so many numbered deltas, each apart. */
export function pacedStream(id: DialectId, deltas: number): StreamBytes {
  return cached(streams, `${id} ${deltas}`, () => streamBytes(id, markedPieces(deltas)));
}

/** A stream whose deltas are one block, to be repeated. */
export function floodStream(id: DialectId): StreamBytes {
  return cached(streams, `${id} flood`, () => {
    const pieces = markedPieces(FLOOD_BLOCK_DELTAS).map((piece, index) => piece + fillerOf(index));
    const { lead, deltas, tail } = streamBytes(id, pieces);
    return { lead, deltas: [Buffer.concat(deltas)], tail };
  });
}

// Numbers that look drawn: one of the gateways takes text that repeats itself for a fault.
function fillerOf(delta: number): string {
  let text = "";
  let drawn = delta + 1;
  while (text.length < FLOOD_DELTA_CHARS) {
    drawn = (drawn * 48_271) % 2_147_483_647;
    text += `${drawn} `;
  }
  return text.slice(0, FLOOD_DELTA_CHARS);
}

const wholes = new Map<string, Buffer>();
const bursts = new Map<string, Buffer>();
const streams = new Map<string, StreamBytes>();

function streamBytes(id: DialectId, pieces: readonly string[]): StreamBytes {
  // One HTTP chunk per event, as providers send them.
  const chunks = [...streamFrames(dialects[id], pieces), ""].map(chunk);
  const first = chunks.findIndex((each) => each.includes("#0000"));
  const end = first + pieces.length;
  return {
    lead: Buffer.from(STREAM_HEAD + chunks.slice(0, first).join("")),
    deltas: chunks.slice(first, end).map((each) => Buffer.from(each)),
    tail: Buffer.from(chunks.slice(end).join("")),
  };
}

function headOf(type: string, framing: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\n\r\n`;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function cached<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
