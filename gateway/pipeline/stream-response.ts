// The caller's side of a stream: one write per upstream read, awaited so that a slow reader slows the upstream
// instead of filling memory, a sign of life when the upstream is silent. Knows no dialect.

import type { WatchPace } from "../observability/stream-pace.ts";

/** What produces the stream. */
export interface StreamSource {
  /** Next piece, possibly empty; undefined at the end. Must not throw. */
  next(): Promise<string | Uint8Array | undefined>;
  /** Bytes that may be inserted now without breaking an event; undefined in the middle of one. */
  keepAlive(): string | undefined;
  /** The caller is gone, or the end has been written. Called once. */
  done(isComplete: boolean): void;
}

/** A caller who takes nothing for so long is given up on: it holds an upstream and a place in flight. */
export const MAX_STALL_MS = 5 * 60_000;

/** How the stream is sent. */
export interface StreamOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly keepAliveMs: number;
  readonly stallMs?: number;
  /** Called for each piece that goes out. */
  readonly onPiece?: (() => void) | undefined;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
}

/** What every stream of a gateway is sent with. */
export interface StreamParts {
  readonly keepAliveMs: number;
  readonly watchPace?: WatchPace;
}

/** An SSE response fed by `source`. */
export function streamResponse(
  source: StreamSource,
  { headers, keepAliveMs, stallMs = MAX_STALL_MS, onPiece, signal }: StreamOptions,
): Response {
  const stream = new CallerStream(source, signal, { keepAliveMs, stallMs, onPiece });
  const body = new ReadableStream({
    type: "direct",
    pull: (controller: ReadableStreamDirectController) => stream.send(controller),
    cancel: () => stream.finish(false),
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // nginx in front of us would otherwise collect the stream.
      "x-accel-buffering": "no",
      ...headers,
    },
  });
}

type CallerStreamLimits = Required<Pick<StreamOptions, "keepAliveMs" | "stallMs">> &
  Pick<StreamOptions, "onPiece">;

/** One stream on its way to one caller. */
class CallerStream {
  readonly #source: StreamSource;
  readonly #signal: AbortSignal;
  readonly #limits: CallerStreamLimits;
  readonly #onAbort = () => this.finish(false);
  readonly #gaveUp = Promise.withResolvers<void>();
  #isDone = false;
  #hasWritten = false;
  /** Since when a write has been waiting for the caller; undefined while none does. */
  #blockedSinceMs: number | undefined;

  constructor(source: StreamSource, signal: AbortSignal, limits: CallerStreamLimits) {
    this.#source = source;
    this.#signal = signal;
    this.#limits = limits;
    // A caller who left before the first pull would otherwise never be noticed here.
    if (signal.aborted) this.finish(false);
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Tells the source that it is over, once. */
  finish(isComplete: boolean): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#source.done(isComplete);
  }

  /** Sends everything; resolves when it is sent, or the caller is gone. */
  async send(controller: ReadableStreamDirectController): Promise<void> {
    const beatMs = Math.min(this.#limits.keepAliveMs, this.#limits.stallMs);
    const beat = setInterval(() => this.#beat(controller), beatMs);
    try {
      for (;;) {
        const piece = await this.#source.next();
        if (piece === undefined || this.#isDone) break;
        if (piece.length === 0) continue;
        const blocked = this.#write(controller, piece);
        if (blocked) await blocked;
      }
      this.finish(true);
    } catch {
      // Writing to a caller that has gone; there is nobody left to tell.
      this.finish(false);
    } finally {
      clearInterval(beat);
      controller.close();
    }
  }

  /** Resolves when the caller takes more; undefined when it does at once. */
  #write(
    controller: ReadableStreamDirectController,
    piece: string | Uint8Array,
  ): Promise<void> | undefined {
    this.#limits.onPiece?.();
    // Sent by the runtime at the end of this turn of the event loop, with whatever else the turn brings.
    const written = controller.write(piece);
    this.#hasWritten = true;
    return typeof written === "number" ? undefined : this.#unblocked(written);
  }

  // Pending while the caller's socket is full: this is where a slow reader slows us.
  async #unblocked(written: Promise<number>): Promise<void> {
    this.#blockedSinceMs = performance.now();
    await Promise.race([written, this.#gaveUp.promise]);
    this.#blockedSinceMs = undefined;
  }

  #beat(controller: ReadableStreamDirectController): void {
    if (this.#isDone) return;
    if (this.#blockedSinceMs !== undefined) {
      if (performance.now() - this.#blockedSinceMs < this.#limits.stallMs) return;
      this.finish(false);
      return this.#gaveUp.resolve();
    }
    const bytes = this.#hasWritten ? undefined : this.#source.keepAlive();
    this.#hasWritten = false;
    if (bytes === undefined) return;
    controller.write(bytes);
  }
}
