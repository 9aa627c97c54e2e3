// The translate lane's inner loop: upstream bytes in, SSE text of the caller's dialect out, one call per
// network read. Does no I/O and holds no timers; per event it costs a parse, a JSON.parse and a template.

import { createParser, type ParseError } from "eventsource-parser";
import type { EmitReplyEvent, Failure, ReplyEvent, Usage } from "#wire";
import type { Format, ReplyContext, UpstreamContext } from "../formats/format.ts";
import { LOSSY_HEADER } from "../formats/losses.ts";

/** Longest SSE event an upstream may send; one image in base64 fits. */
export const MAX_EVENT_CHARS = 32 * 1024 * 1024;

/** One stream on its way from an upstream's dialect to the caller's. */
export interface StreamTranslation {
  /** Takes the bytes of one read; returns the SSE text they complete ("" when none). */
  push(bytes: Uint8Array): string;
  /** End of bytes: returns the ending, an honest error if the upstream's own end is missing. */
  end(): string;
  /** The connection broke: returns the error ending. */
  fail(failure: Failure): string;
  /** True once something other than the start has been translated: a failure can no longer be a status. */
  readonly hasBegun: boolean;
  /** True after the terminal event; later bytes are ignored. */
  readonly isOver: boolean;
  /** What went wrong, once it did. */
  readonly failure: Failure | undefined;
  readonly usage: Usage | undefined;
  /** What may be sent now to a silent caller. */
  readonly keepAlive: string;
}

interface TranslationOptions {
  readonly from: Format;
  readonly to: Format;
  readonly upstream: UpstreamContext;
  readonly reply: ReplyContext;
  /** Undoes the tool adaptation of the request. */
  readonly restore?: (emit: EmitReplyEvent) => EmitReplyEvent;
}

/** Builds the translation of one stream. */
export function createStreamTranslation(options: TranslationOptions): StreamTranslation {
  return new Translation(options);
}

class Translation implements StreamTranslation {
  readonly #encoder;
  readonly #decoder;
  readonly #parser;
  readonly #text = new TextDecoder();
  readonly #emit: EmitReplyEvent;
  readonly #reply: ReplyContext;
  #out = "";
  hasBegun = false;
  isOver = false;
  failure: Failure | undefined;
  usage: Usage | undefined;

  constructor({ from, to, upstream, reply, restore = (emit) => emit }: TranslationOptions) {
    this.#reply = reply;
    this.#encoder = to.createStreamEncoder(reply);
    this.#emit = restore((event) => this.#receive(event));
    const decoder = from.createStreamDecoder(this.#emit, upstream);
    this.#decoder = decoder;
    this.#parser = createParser({
      maxBufferSize: MAX_EVENT_CHARS,
      onEvent: (event) => decoder.event(event.event ?? "", event.data),
      onError: (error) => this.#parseError(error),
    });
  }

  get keepAlive(): string {
    return this.#encoder.keepAlive;
  }

  push(bytes: Uint8Array): string {
    return this.isOver ? "" : this.#take(this.#text.decode(bytes, { stream: true }));
  }

  end(): string {
    if (this.isOver) return "";
    // Some hosts omit the blank line after their last event.
    const last = this.#take(`${this.#text.decode()}\n\n`);
    if (this.isOver) return last;
    this.#decoder.end();
    return last + this.#flush();
  }

  fail(failure: Failure): string {
    if (!this.isOver) this.#emit({ type: "error", failure });
    return this.#flush();
  }

  #take(text: string): string {
    this.#parser.feed(text);
    return this.#flush();
  }

  #flush(): string {
    const out = this.#out;
    this.#out = "";
    return out;
  }

  #receive(event: ReplyEvent): void {
    if (this.isOver) return;
    if (event.type === "finish" || event.type === "error") {
      this.isOver = true;
      if (event.type === "error") this.failure = event.failure;
      else this.usage = event.usage;
      const late = this.#reply.losses.toString();
      // The header went out with the first byte; what was lost since is named where it still can be.
      if (this.hasBegun && late !== "") this.#out += `: ${LOSSY_HEADER}: ${late}\n\n`;
    } else if (event.type !== "start" && event.type !== "ping") {
      this.hasBegun = true;
    }
    this.#out += this.#encoder.encode(event);
  }

  #parseError(error: ParseError): void {
    if (error.type === "unknown-field" && error.field !== undefined) {
      this.#decoder.line?.(error.field, error.value ?? "");
    }
    if (error.type === "max-buffer-size-exceeded") {
      const message = `the upstream sent an event of more than ${MAX_EVENT_CHARS} characters`;
      this.#emit({ type: "error", failure: { kind: "bad_gateway", message } });
    }
  }
}
