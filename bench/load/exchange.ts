// One request and its answer on a connection of its own, for clients that do something unusual with it: hold it,
// leave it, stop reading. Decides nothing; it tells, once each, and whoever made it decides.

import type { Socket } from "bun";
import { ResponseReader, type Answer } from "../response-reader.ts";
import { SocketWriter } from "../socket-writer.ts";

/** Room for what is read at first; most answers here are short, and there are thousands. */
const FIRST_CAPACITY_BYTES = 16 * 1_024;

/** Longest part of a wrong answer that is quoted. */
const QUOTED_CHARS = 300;

/** What may happen to an exchange. */
export interface ExchangeEvents {
  /** The first byte of a 200's body. */
  readonly onBegin?: () => void;
  /** The whole answer, whatever its status. */
  readonly onAnswer: (answer: Answer) => void;
  /** There will be no whole answer. */
  readonly onFail: (reason: string) => void;
}

/** One request in flight. */
export class Exchange {
  readonly #events: ExchangeEvents;
  readonly #reader = new ResponseReader(FIRST_CAPACITY_BYTES);
  readonly #writer = new SocketWriter();
  #socket: Socket | undefined;
  #sentAtMs = 0;
  #firstByteMs: number | undefined;
  #readBytes = 0;
  #isOver = false;

  constructor(events: ExchangeEvents) {
    this.#events = events;
  }

  /** From sending to the first byte of the body. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs;
  }

  get readBytes(): number {
    return this.#readBytes;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Connects and sends. */
  async begin(url: string, request: Uint8Array): Promise<void> {
    const { hostname, port } = new URL(url);
    this.#sentAtMs = performance.now();
    try {
      await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: (socket) => {
            this.#socket = socket;
            this.#writer.write(socket, request);
          },
          drain: (socket) => this.#writer.drain(socket),
          data: (socket, bytes) => this.#receive(socket, bytes),
          close: () => this.fail("the server closed the connection"),
          error: (_socket, error) => this.fail(error.message),
        },
      });
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Reads no further; the kernel's buffers fill, and then the sender waits. */
  stopReading(): void {
    this.#socket?.pause();
  }

  /** Closes the connection, as a client that ends does. */
  leave(): void {
    this.#isOver = true;
    this.#socket?.close();
  }

  /** Gives it up for `reason`, unless it is over. */
  fail(reason: string): void {
    if (this.#isOver) return;
    this.leave();
    this.#events.onFail(reason);
  }

  #receive(socket: Socket, bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#readBytes += bytes.length;
    const answer = this.#reader.push(bytes);
    if (this.#firstByteMs === undefined && (answer || this.#reader.hasBody)) {
      this.#firstByteMs = performance.now() - this.#sentAtMs;
      if (this.#reader.status === 200) this.#events.onBegin?.();
    }
    if (!answer) return;
    this.#isOver = true;
    this.#events.onAnswer(answer);
    socket.end();
  }
}

/** The beginning of an answer that was not what it should be. */
export function quote({ status, body }: Answer): string {
  return `status ${status}, ${body.length} bytes: ${body.toString("utf8", 0, QUOTED_CHARS)}`;
}
