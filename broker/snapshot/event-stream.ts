// One subscriber's connection: frames in, server-sent events out. Never makes the sender wait: what the reader does
// not take is queued, and a reader who lets the queue grow, or stand still, is cut.

/** Most bytes queued behind what a reader has not taken yet; one more frame and it is cut. */
export const MAX_QUEUED_BYTES = 1024 * 1024;

/** What a subscriber's end may ask of its connection. */
export interface EventStreamOptions {
  /** Aborts when the reader has left. */
  readonly signal: AbortSignal;
  /** Makes the connection die soon, whatever is still in its buffers. */
  readonly cut: () => void;
  /** Called once, when nothing more can be sent. */
  readonly onOver: () => void;
}

/** The sending end of one stream. */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #over = Promise.withResolvers<void>();
  #controller: ReadableStreamDirectController | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #blockedSinceMs: number | undefined;
  #state: "open" | "ending" | "cut" | "over" = "open";

  constructor(options: EventStreamOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", this.#finish, { once: true });
    // Later, so that whoever is told knows the stream already.
    if (options.signal.aborted) queueMicrotask(this.#finish);
  }

  /** What the response is made of; may be taken once. */
  body(): ReadableStream {
    return new ReadableStream({
      type: "direct",
      pull: (controller: ReadableStreamDirectController) => this.#start(controller),
      cancel: this.#finish,
    });
  }

  /** Sends bytes now or as soon as the reader takes them. */
  send(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    if (this.#queue.length > 0 && this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      return this.#cut();
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#drain();
  }

  /** Sends a sign of life unless something else is under way; cuts a reader that has stalled. */
  keepAlive(bytes: Uint8Array, { maxStallMs }: { maxStallMs: number }): void {
    if (this.#blockedSinceMs === undefined) {
      if (this.#queue.length === 0) this.send(bytes);
    } else if (performance.now() - this.#blockedSinceMs >= maxStallMs) {
      this.#cut();
    }
  }

  /** Ends the stream after what was sent; one that is blocked is cut. */
  end(): void {
    if (this.#state !== "open") return;
    if (this.#blockedSinceMs !== undefined) return this.#cut();
    this.#state = "ending";
    if (this.#queue.length === 0) this.#finish();
  }

  async #start(controller: ReadableStreamDirectController): Promise<void> {
    this.#controller = controller;
    this.#drain();
    await this.#over.promise;
    try {
      await controller.close();
    } catch {
      // The reader has left.
    }
  }

  #drain(): void {
    const controller = this.#controller;
    if (controller === undefined || this.#blockedSinceMs !== undefined) return;
    try {
      this.#write(controller);
    } catch {
      // Writing to a reader that has left.
      this.#finish();
    }
  }

  #write(controller: ReadableStreamDirectController): void {
    for (let bytes = this.#queue.shift(); bytes !== undefined; bytes = this.#queue.shift()) {
      this.#queuedBytes -= bytes.length;
      const written: unknown = controller.write(bytes);
      if (!(written instanceof Promise)) continue;
      // Pending while the reader's socket is full. Writing on would fill memory, not the socket.
      this.#blockedSinceMs = performance.now();
      written.then(this.#resume, this.#finish);
      break;
    }
    const flushed: unknown = controller.flush();
    if (flushed instanceof Promise) flushed.catch(this.#finish);
    if (this.#state === "ending" && this.#queue.length === 0) this.#finish();
  }

  readonly #resume = (): void => {
    this.#blockedSinceMs = undefined;
    this.#drain();
  };

  // The connection stays ours until it is dead: closing it politely would wait for the reader.
  #cut(): void {
    this.#state = "cut";
    this.#forgetQueue();
    this.#options.cut();
    this.#options.onOver();
  }

  readonly #finish = (): void => {
    if (this.#state === "over") return;
    const wasCut = this.#state === "cut";
    this.#state = "over";
    this.#options.signal.removeEventListener("abort", this.#finish);
    this.#forgetQueue();
    this.#over.resolve();
    if (!wasCut) this.#options.onOver();
  };

  #forgetQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}
