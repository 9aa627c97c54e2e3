// The translate lane's inner loop: upstream bytes in, SSE text of the caller's dialect out, one call per
// network read. Does no I/O and holds no timers; per event it costs a parse, a JSON.parse and a template.

import { createParser, type ParseError } from "eventsource-parser";
import { redact } from "#platform";
import type { EmitReplyEvent, Failure, ReplyEvent, ReplyPart, Usage } from "#wire";
import type {
  CallerFormat,
  ReplyContext,
  UpstreamContext,
  UpstreamFormat,
} from "../formats/format.ts";
import { ReplyRecorder } from "../continuation/reply-recorder.ts";
import { LOSSY_HEADER } from "../formats/losses.ts";
import { RepeatedDelta } from "./repeated-delta.ts";
import { ESTIMATED, estimateUsage, USAGE_HEADER } from "./usage-estimate.ts";
import { Utf8Chunks } from "./utf8-chunks.ts";

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
  readonly from: UpstreamFormat;
  readonly to: CallerFormat;
  readonly upstream: UpstreamContext;
  readonly reply: ReplyContext;
  /** Undoes the tool adaptation of the request. */
  readonly restore?: (emit: EmitReplyEvent) => EmitReplyEvent;
  /** The credential of the call: an upstream that echoes it does not show it to the caller. */
  readonly secret?: string;
  /** Takes out of a failure what no caller may see. */
  readonly conceal?: (text: string) => string;
  /** Told what a memory of reasoning needs, once the answer is whole. */
  readonly onParts?: ((parts: readonly ReplyPart[]) => void) | undefined;
  /** Length of the request, for an estimate where the upstream reports no usage. */
  readonly inputChars?: number;
}

/** Builds the translation of one stream. */
export function createStreamTranslation(options: TranslationOptions): StreamTranslation {
  return new Translation(options);
}

class Translation implements StreamTranslation {
  readonly #encoder;
  readonly #decoder;
  readonly #parser;
  readonly #text = new Utf8Chunks();
  readonly #emit: EmitReplyEvent;
  readonly #reply: ReplyContext;
  readonly #inputChars: number;
  readonly #secret: string;
  readonly #conceal: (text: string) => string;
  readonly #repeated = new RepeatedDelta();
  readonly #onParts: TranslationOptions["onParts"];
  readonly #recorder: ReplyRecorder | undefined;
  /** What the decoder made of the event at hand. */
  readonly #emitted: ReplyEvent[] = [];
  #isInCall = false;
  #outputChars = 0;
  #out = "";
  hasBegun = false;
  isOver = false;
  failure: Failure | undefined;
  usage: Usage | undefined;

  constructor(options: TranslationOptions) {
    const {
      from,
      to,
      upstream,
      reply,
      restore = (emit) => emit,
      secret = "",
      conceal = redact,
      inputChars = 0,
    } = options;
    this.#onParts = options.onParts;
    this.#recorder = options.onParts && new ReplyRecorder();
    this.#secret = secret;
    this.#conceal = conceal;
    this.#reply = reply;
    this.#inputChars = inputChars;
    this.#encoder = to.createStreamEncoder(reply);
    this.#emit = restore((event) => this.#receive(event));
    const decoder = from.createStreamDecoder((event) => {
      this.#emitted.push(event);
      if (event.type === "open") this.#isInCall = event.kind === "toolCall";
      this.#emit(event);
    }, upstream);
    this.#decoder = decoder;
    this.#parser = createParser({
      maxBufferSize: MAX_EVENT_CHARS,
      onEvent: ({ event = "", data }) => this.#event(event, data),
      onError: (error) => this.#parseError(error),
    });
  }

  get keepAlive(): string {
    return this.#encoder.keepAlive;
  }

  push(bytes: Uint8Array): string {
    return this.isOver ? "" : this.#take(this.#text.decode(bytes));
  }

  end(): string {
    if (this.isOver) return "";
    // Some hosts omit the blank line after their last event.
    const last = this.#take(`${this.#text.end()}\n\n`);
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

  #event(name: string, data: string): void {
    // Decoders count the arguments of a call, to know when it is whole.
    const text = this.#isInCall ? undefined : this.#repeated.match(name, data);
    if (text !== undefined) {
      if (text !== "") this.#emit({ type: "delta", text });
      return;
    }
    this.#emitted.length = 0;
    this.#decoder.event(name, data);
    const isPlain = !this.#isInCall && this.#decoder.isPlainDelta?.(data) === true;
    this.#repeated.observe(name, data, isPlain ? this.#emitted : []);
  }

  #flush(): string {
    const out = this.#out;
    this.#out = "";
    return this.#secret !== "" && out.includes(this.#secret) ? redact(out) : out;
  }

  #receive(event: ReplyEvent): void {
    if (this.isOver) return;
    switch (event.type) {
      case "finish":
        return this.#finish(event);
      case "error":
        return this.#fail(event.failure);
      case "delta":
        this.#outputChars += event.text.length;
        if (this.#recorder?.isOpen) this.#recorder.delta(event.text);
        break;
      case "start":
      case "ping":
        break;
      default:
        this.hasBegun = true;
        this.#recorder?.take(event);
    }
    this.#out += this.#encoder.encode(event);
  }

  #fail(failure: Failure): void {
    this.isOver = true;
    // Vendors echo keys where they complain of them.
    this.failure = { ...failure, message: this.#conceal(failure.message) };
    this.#note(LOSSY_HEADER, this.#reply.losses.toString());
    this.#out += this.#encoder.encode({ type: "error", failure: this.failure });
  }

  #finish(event: Extract<ReplyEvent, { type: "finish" }>): void {
    this.isOver = true;
    if (this.#recorder) this.#onParts?.(this.#recorder.parts);
    this.usage =
      event.usage ??
      estimateUsage({ inputChars: this.#inputChars, outputChars: this.#outputChars });
    this.#note(LOSSY_HEADER, this.#reply.losses.toString());
    if (this.usage.isEstimated) this.#note(USAGE_HEADER, ESTIMATED);
    this.#out += this.#encoder.encode({ ...event, usage: this.usage });
  }

  /** The headers went out with the first byte; what is known only now is said where it still can be. */
  #note(header: string, value: string): void {
    if (this.hasBegun && value !== "") this.#out += `: ${header}: ${value}\n\n`;
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
