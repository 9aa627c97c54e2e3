// The answer of another host, read chunk by chunk under a byte cap and an idle watchdog. Refuses to end
// quietly: a cut, a stall or an overrun is an error, never the end of the body.

import { OutboundError, toOutboundError } from "./outbound-error.ts";

/** An answer whose headers have arrived. Read it to the end or cancel it: it holds a connection. */
export interface OutboundResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The next chunk, undefined at the end; throws OutboundError on a cut, a stall, the cap or an abort. */
  read(): Promise<Uint8Array | undefined>;
  /** The rest of the body, whole. */
  bytes(): Promise<Uint8Array>;
  /** Closes the connection within milliseconds, unless the body has ended. */
  cancel(): void;
}

// A longer delay would ring at once.
const MAX_TIMER_DELAY_MS = 2 ** 31 - 1;

/** An announced body up to this many bytes is read by the runtime at once, its idle limit counting for all of it. */
export const MAX_WHOLE_BYTES = 256 * 1024;

/** What a timer may be given for a limit in ms that may be huge, or Infinity. */
export function timerDelay(ms: number): number {
  return Math.min(ms, MAX_TIMER_DELAY_MS);
}

/** The limits and the owner of one call. */
export interface CallContext {
  readonly host: string;
  readonly idleTimeoutMs: number;
  readonly maxBytes: number;
  /** As its headers say, not more than `maxBytes`; undefined where they do not, or the body is compressed. */
  readonly announcedBytes: number | undefined;
  /** Aborting it closes the connection; its reason is the OutboundError to throw. */
  readonly call: AbortController;
  /** Called once, when the answer ends in any way. */
  readonly onEnd: () => void;
}

/** Reads one fetch answer. */
export class StreamedResponse implements OutboundResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly #context: CallContext;
  readonly #response: Response;
  #reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel"> | undefined;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  /** When the pending read began; 0 while nobody waits, so that a slow consumer never trips the watchdog. */
  #waitingSinceMs = 0;
  #total = 0;
  #hasEnded = false;

  constructor(response: Response, context: CallContext) {
    this.status = response.status;
    this.headers = response.headers;
    this.#context = context;
    this.#response = response;
    this.#watch(context.idleTimeoutMs);
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#hasEnded) return this.#afterEnd();
    this.#waitingSinceMs = performance.now();
    try {
      this.#reader ??= this.#response.body?.getReader();
      const { value, done = true } = (await this.#reader?.read()) ?? {};
      this.#waitingSinceMs = 0;
      if (done || value === undefined) return this.#end();
      this.#total += value.byteLength;
      if (this.#total > this.#context.maxBytes) this.#refuse();
      return value;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async bytes(): Promise<Uint8Array> {
    const { announcedBytes = Infinity } = this.#context;
    const isUntouched = this.#reader === undefined && !this.#hasEnded;
    if (isUntouched && announcedBytes <= MAX_WHOLE_BYTES) return this.#whole();
    const chunks: Uint8Array[] = [];
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      chunks.push(chunk);
    }
    const [only] = chunks;
    return chunks.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(chunks));
  }

  async #whole(): Promise<Uint8Array> {
    this.#waitingSinceMs = performance.now();
    try {
      const bytes = await this.#response.bytes();
      this.#end();
      return bytes;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  cancel(): void {
    if (this.#hasEnded) return;
    const { call, host } = this.#context;
    call.abort(new OutboundError("aborted", host, "the call was cancelled"));
    this.#end();
    // A read in flight reports it; without one nobody is interested.
    this.#reader?.cancel().catch(() => {});
  }

  #end(): undefined {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#watchdog);
    this.#context.onEnd();
  }

  #afterEnd(): undefined {
    const { signal } = this.#context.call;
    if (signal.aborted) throw toOutboundError(this.#context.host, signal.reason);
  }

  #refuse(): never {
    const { host, maxBytes } = this.#context;
    throw new OutboundError("too_large", host, `sent more than ${maxBytes} bytes`);
  }

  #fail(cause: unknown): OutboundError {
    const { call, host } = this.#context;
    // What the runtime throws after an abort says less than the reason of the abort.
    const error = toOutboundError(host, call.signal.aborted ? call.signal.reason : cause);
    if (!call.signal.aborted) call.abort(error);
    this.#end();
    return error;
  }

  // One timer, set anew only when it rings: per chunk there is nothing but a time stamp.
  #watch(delayMs: number): void {
    this.#watchdog = setTimeout(() => {
      const { idleTimeoutMs, call, host } = this.#context;
      if (call.signal.aborted) return this.#end();
      const waitedMs = this.#waitingSinceMs === 0 ? 0 : performance.now() - this.#waitingSinceMs;
      // Timers ring up to a millisecond early.
      if (waitedMs < idleTimeoutMs - 1) return this.#watch(idleTimeoutMs - waitedMs);
      call.abort(new OutboundError("timeout_idle", host, `sent nothing for ${idleTimeoutMs} ms`));
    }, timerDelay(delayMs));
    // An answer that nobody reads must not keep the process alive.
    this.#watchdog.unref();
  }
}
