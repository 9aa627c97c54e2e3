// A client of the snapshot stream for tests, over a real connection: collects events as a deployed client would
// parse them, and can wait for one. Fails on a frame that is not of the protocol.

import { SnapshotStreamEvent } from "#wire";
import { createParser, type EventSourceMessage } from "eventsource-parser";

/** An event with what the frame says beside its data. */
export interface ReceivedFrame {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly event: SnapshotStreamEvent;
  readonly bytes: number;
}

/** A stream being read. */
export class StreamReader {
  readonly frames: ReceivedFrame[] = [];
  readonly response: Response;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #controller: AbortController;
  readonly #utf8 = new TextDecoder();
  readonly #parser = createParser({ onEvent: (message) => this.#arrived.push(toFrame(message)) });
  #arrived: ReceivedFrame[] = [];

  private constructor(response: Response, controller: AbortController) {
    if (!response.body) throw new Error(`no stream: ${response.status}`);
    this.response = response;
    this.#controller = controller;
    this.#chunks = response.body[Symbol.asyncIterator]();
  }

  /** Connects; `lastEventId` resumes. */
  static async open(
    url: string,
    {
      token,
      lastEventId,
      headers,
    }: {
      token: string;
      lastEventId?: string | undefined;
      headers?: Readonly<Record<string, string>>;
    },
  ): Promise<StreamReader> {
    const controller = new AbortController();
    const response = await fetch(`${url}/v1/snapshot/stream`, {
      signal: controller.signal,
      headers: {
        authorization: `Bearer ${token}`,
        ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
        ...headers,
      },
    });
    return new StreamReader(response, controller);
  }

  /** The next frame; undefined at the end of the stream. */
  async next(): Promise<ReceivedFrame | undefined> {
    for (;;) {
      const frame = this.#arrived.shift();
      if (frame) {
        this.frames.push(frame);
        return frame;
      }
      const { value, done } = await this.#chunks.next();
      if (done) return undefined;
      this.#parser.feed(this.#utf8.decode(value, { stream: true }));
    }
  }

  /** Reads until the generation is reached. */
  async until(generation: number): Promise<void> {
    while ((this.frames.at(-1)?.event.generation ?? -1) < generation) {
      if ((await this.next()) === undefined) throw new Error("the stream ended");
    }
  }

  /** Goes away without a word. */
  leave(): void {
    this.#controller.abort();
  }
}

function toFrame({ id, event, data }: EventSourceMessage): ReceivedFrame {
  return {
    id,
    name: event,
    event: SnapshotStreamEvent.parse(JSON.parse(data)),
    bytes: Buffer.byteLength(data),
  };
}
