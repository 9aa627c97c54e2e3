// The caller's side of a stream: one write per upstream read, awaited so that a slow reader slows the upstream
// instead of filling memory, a sign of life when the upstream is silent. Knows no dialect.

/** What produces the stream. */
export interface StreamSource {
  /** Next piece, possibly empty; undefined at the end. Must not throw. */
  next(): Promise<string | Uint8Array | undefined>;
  /** Bytes that may be inserted now without breaking an event; undefined in the middle of one. */
  keepAlive(): string | undefined;
  /** The caller is gone, or the end has been written. Called once. */
  done(isComplete: boolean): void;
}

/** How the stream is sent. */
export interface StreamOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly keepAliveMs: number;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
}

/** An SSE response fed by `source`. */
export function streamResponse(
  source: StreamSource,
  { headers, keepAliveMs, signal }: StreamOptions,
): Response {
  let isDone = false;
  const finish = (isComplete: boolean) => {
    if (isDone) return;
    isDone = true;
    signal.removeEventListener("abort", onAbort);
    source.done(isComplete);
  };
  const onAbort = () => finish(false);
  // A caller who left before the first pull would otherwise never be noticed here.
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const body = new ReadableStream({
    type: "direct",
    async pull(controller: ReadableStreamDirectController) {
      let hasWritten = false;
      const beat = setInterval(() => {
        const bytes = hasWritten ? undefined : source.keepAlive();
        hasWritten = false;
        if (bytes === undefined || isDone) return;
        controller.write(bytes);
        controller.flush();
      }, keepAliveMs);
      try {
        for (;;) {
          const piece = await source.next();
          if (piece === undefined || isDone) break;
          if (piece.length === 0) continue;
          const written = controller.write(piece);
          hasWritten = true;
          await controller.flush();
          // Pending while the caller's socket is full: this, not flush, is where a slow reader slows us.
          await written;
        }
        finish(true);
      } catch {
        // Writing to a caller that has gone; there is nobody left to tell.
        finish(false);
      } finally {
        clearInterval(beat);
        controller.close();
      }
    },
    cancel() {
      finish(false);
    },
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
