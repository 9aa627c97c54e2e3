// The bytes of a snapshot stream as frames. Holds at most one unfinished frame, and refuses to guess: what
// cannot be read whole is an error, after which nothing that follows can be trusted.

import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";
import { parseJson, readAfter, SnapshotStreamEvent } from "#wire";
import { BrokerProtocolError } from "../errors.ts";

/** Longest frame, in characters; a snapshot of ten thousand credentials fits. */
export const MAX_FRAME_CHARS = 16 * 1024 * 1024;

/** One event of the stream, with what its frame says beside it. */
export interface Frame {
  readonly event: SnapshotStreamEvent;
  /** Where to resume once it is applied. */
  readonly id: string | undefined;
  /** The generation that must be known before it; undefined when the broker does not say. */
  readonly after: number | undefined;
}

/** Reads one connection's bytes. */
export class FrameReader {
  readonly #url: string;
  readonly #maxChars: number;
  readonly #parser;
  readonly #text = new TextDecoder("utf-8", { fatal: true });
  #frames: Frame[] = [];
  #after: number | undefined;

  /** `url` names the broker in errors. */
  constructor(url: string, { maxChars = MAX_FRAME_CHARS }: { maxChars?: number } = {}) {
    this.#url = url;
    this.#maxChars = maxChars;
    this.#parser = createParser({
      maxBufferSize: maxChars,
      onComment: (comment) => (this.#after = readAfter(comment)),
      onEvent: (message) => this.#take(message),
      onError: (error) => this.#refuse(error),
    });
  }

  /** The frames these bytes complete. Throws BrokerProtocolError; the reader is of no use after that. */
  push(bytes: Uint8Array): readonly Frame[] {
    this.#parser.feed(this.#decode(bytes));
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  #take({ event: name, id, data }: EventSourceMessage): void {
    const after = this.#after;
    this.#after = undefined;
    // What a newer broker announces beside credentials is not ours to judge.
    if (name !== undefined && !KNOWN_EVENTS.has(name)) return;
    if (data.length > this.#maxChars) throw this.#unreadable("is too long");
    const event = SnapshotStreamEvent.safeParse(parsed(data));
    if (!event.success) throw this.#unreadable("cannot be read");
    if (name !== undefined && name !== event.data.kind) throw this.#unreadable("has two names");
    this.#frames.push({ event: event.data, id, after });
  }

  #refuse(error: ParseError): void {
    if (error.type === "max-buffer-size-exceeded") throw this.#unreadable("is too long");
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#text.decode(bytes, { stream: true });
    } catch {
      throw this.#unreadable("is not UTF-8");
    }
  }

  #unreadable(problem: string): BrokerProtocolError {
    return new BrokerProtocolError(this.#url, `a frame of the snapshot stream ${problem}`);
  }
}

const KNOWN_EVENTS: ReadonlySet<string> = new Set(["snapshot", "entry", "removed"]);

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
