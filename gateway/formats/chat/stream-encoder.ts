// Canonical events → Chat chunks, in the dialect's grammar: role first, one finish chunk, usage
// only when asked, [DONE] only after success. Refuses to make a failure look like an end.

import type { Citation, JsonObject, ReplyEvent } from "#wire";
import type { ReplyContext, StreamEncoder } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { encodeAnnotation } from "./citations.ts";
import { encodeStreamError } from "./errors.ts";
import { encodeFinishReason, PAUSE_FAILURE } from "./finish-reason.ts";
import { isLegacyCaller } from "./legacy-functions.ts";
import { encodeDetails } from "./reasoning-details.ts";
import { encodeUsage } from "./usage.ts";

type Open = Extract<ReplyEvent, { type: "open" }>;
type Close = Extract<ReplyEvent, { type: "close" }>;
type Block = Extract<ReplyEvent, { type: "block" }>;
type Finish = Extract<ReplyEvent, { type: "finish" }>;

const DELTA_KEYS = { text: "content", refusal: "refusal", thinking: "reasoning_content" } as const;

/** Encoder of one reply; `context` supplies id, model and time, the same in every chunk. */
export class ChatStreamEncoder implements StreamEncoder {
  readonly keepAlive = ": keep-alive\n\n";
  readonly #context: ReplyContext;
  readonly #isLegacy: boolean;
  readonly #wantsUsage: boolean;
  /** `data: {…,"choices":[{"index":0,"delta":{` */
  readonly #head: string;
  /** Everything after the delta of a chunk that does not finish. */
  readonly #tail: string;
  /** What stands before and after the text of each delta of the open block. */
  #before = "";
  #after = "";
  #open: Open | undefined;
  /** Text of the open thinking block, which its carrier must accompany. */
  #thinking: string[] = [];
  #hasArguments = false;
  #calls = 0;
  #contentLength = 0;
  #partStart = 0;
  #detailIndex = 0;
  #citations: Citation[] = [];
  #annotations: JsonObject[] = [];

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#isLegacy = isLegacyCaller(context.request);
    this.#wantsUsage = context.request?.includeUsage === true;
    this.#head = `${this.#envelope()},"choices":[{"index":0,"delta":{`;
    const usage = this.#wantsUsage ? ',"usage":null' : "";
    this.#tail = `},"logprobs":null,"finish_reason":null}]${usage}}\n\n`;
  }

  encode(event: ReplyEvent): string {
    switch (event.type) {
      case "delta":
        return this.#delta(event.text);
      case "open":
        return this.#begin(event);
      case "close":
        return this.#close(event);
      case "start":
        return this.#chunk('"role":"assistant","content":"","refusal":null');
      case "block":
        return this.#block(event);
      case "citation":
        this.#citations.push(event.citation);
        return "";
      case "ping":
        return ": ping\n\n";
      case "finish":
        return this.#finish(event);
      case "error":
        return encodeStreamError(event.failure);
    }
  }

  #envelope(): string {
    const { id, createdSeconds, model } = this.#context;
    return `data: {"id":${JSON.stringify(`chatcmpl-${id}`)},"object":"chat.completion.chunk","created":${createdSeconds},"model":${JSON.stringify(model)}`;
  }

  #chunk(delta: string): string {
    return this.#head + delta + this.#tail;
  }

  #delta(text: string): string {
    if (this.#open === undefined) return "";
    if (this.#open.kind === "text") this.#contentLength += text.length;
    else if (this.#open.kind === "thinking") this.#thinking.push(text);
    else this.#hasArguments = true;
    return this.#before + JSON.stringify(text) + this.#after;
  }

  #begin(open: Open): string {
    this.#open = open;
    if (open.kind === "toolCall") return this.#beginCall(open);
    this.#before = `${this.#head}"${DELTA_KEYS[open.kind]}":`;
    this.#after = this.#tail;
    this.#partStart = this.#contentLength;
    this.#thinking = [];
    return "";
  }

  #beginCall(open: Extract<Open, { kind: "toolCall" }>): string {
    const index = this.#calls;
    this.#calls += 1;
    this.#hasArguments = false;
    const name = JSON.stringify(open.name);
    if (this.#isLegacy) {
      if (index > 0) return this.#dropCall();
      this.#before = `${this.#head}"function_call":{"arguments":`;
      this.#after = `}${this.#tail}`;
      return this.#chunk(`"function_call":{"name":${name},"arguments":""}`);
    }
    const [type, slot] = open.isFreeform ? ["custom", "input"] : ["function", "arguments"];
    this.#before = `${this.#head}"tool_calls":[{"index":${index},"${type}":{"${slot}":`;
    this.#after = `}}]${this.#tail}`;
    const id = JSON.stringify(legalToolId(open.id, "chat"));
    const named = `"type":"${type}","${type}":{"name":${name},"${slot}":""}`;
    return this.#chunk(`"tool_calls":[{"index":${index},"id":${id},${named}}]`);
  }

  #dropCall(): string {
    this.#context.losses.add("reply.tool_calls", "function_call holds one call only");
    this.#open = undefined;
    return "";
  }

  #close(close: Close): string {
    const open = this.#open;
    this.#open = undefined;
    if (open?.kind === "text") this.#closeText();
    if (open?.kind === "toolCall" && !open.isFreeform && !this.#hasArguments) {
      return `${this.#before}"{}"${this.#after}`;
    }
    if (!close.carrier) return "";
    return this.#details(encodeDetails(close.carrier, this.#thinking.join(""), this.#detailIndex));
  }

  #closeText(): void {
    for (const citation of this.#citations) {
      const annotation = encodeAnnotation(citation, {
        offset: this.#partStart,
        length: this.#contentLength - this.#partStart,
        losses: this.#context.losses,
      });
      if (annotation) this.#annotations.push(annotation);
    }
    this.#citations = [];
  }

  #block({ part }: Block): string {
    if (part.kind === "redacted") {
      return this.#details(encodeDetails(part.carrier, "", this.#detailIndex));
    }
    this.#context.losses.add(`reply.${part.type}`, "Chat has no server tools");
    return "";
  }

  #details(items: readonly JsonObject[]): string {
    if (items.length === 0) return "";
    this.#detailIndex += 1;
    return this.#chunk(`"reasoning_details":${JSON.stringify(items)}`);
  }

  #finish({ stop, stopSequence, usage }: Finish): string {
    const word = encodeFinishReason(stop);
    if (word === undefined) return encodeStreamError(PAUSE_FAILURE);
    if (stopSequence !== undefined) {
      this.#context.losses.add("reply.stop_sequence", "Chat does not name it");
    }
    const sources =
      this.#annotations.length > 0
        ? this.#chunk(`"annotations":${JSON.stringify(this.#annotations)}`)
        : "";
    const reason = this.#isLegacy && word === "tool_calls" ? "function_call" : word;
    const end =
      this.#head + this.#tail.replace('"finish_reason":null', `"finish_reason":"${reason}"`);
    const counts =
      this.#wantsUsage && usage
        ? `${this.#envelope()},"choices":[],"usage":${JSON.stringify(encodeUsage(usage))}}\n\n`
        : "";
    return `${sources}${end}${counts}data: [DONE]\n\n`;
  }
}
