// One output item of a stream → canonical events. Whatever a host leaves out of the deltas (all of them,
// a part, the annotations) is taken from the later `done` events; what was streamed is never repeated.
// Order between items is the stream decoder's business.

import type { EmitReplyEvent, JsonObject, ReplyPart } from "#wire";
import type { UpstreamContext } from "../format.ts";
import { citationOf } from "./annotations.ts";
import { numberAt, objectAt, objectsAt, stringAt } from "./fields.ts";
import {
  callIdOf,
  carrierOf,
  type ItemPlace,
  notePhase,
  partsOf,
  REASONING_SEPARATOR,
  reasoningTexts,
} from "./output-items.ts";

/** Takes the events of one item; emits nothing after `finish`. */
export interface ItemDecoder {
  event(type: string, event: JsonObject): void;
  /** The item as it finally is; undefined when the stream ended without saying. */
  finish(item: JsonObject | undefined): void;
}

/** What every item decoder needs. */
export interface ItemDecoderOptions {
  readonly emit: EmitReplyEvent;
  readonly place: ItemPlace;
  readonly context: UpstreamContext;
}

/** The decoder for an item of this type; `item` is how it was announced, when it was. */
export function createItemDecoder(
  type: string,
  item: JsonObject | undefined,
  options: ItemDecoderOptions,
): ItemDecoder {
  switch (type) {
    case "message":
      return new MessageDecoder(options);
    case "reasoning":
      return new ReasoningDecoder(options);
    case "function_call":
    case "custom_tool_call":
      return new CallDecoder(type === "custom_tool_call", item ?? {}, options);
    default:
      return new WholeItemDecoder(options);
  }
}

/** The item type that an event without announced item belongs to; undefined when it tells nothing. */
export function itemTypeOfEvent(type: string): string | undefined {
  if (type.startsWith("response.output_text.") || type.startsWith("response.refusal.")) {
    return "message";
  }
  if (type.startsWith("response.reasoning_")) return "reasoning";
  if (type.startsWith("response.function_call_arguments.")) return "function_call";
  return type.startsWith("response.custom_tool_call_input.") ? "custom_tool_call" : undefined;
}

function hasText(part: JsonObject): boolean {
  return Boolean(stringAt(part, "text") || stringAt(part, "refusal"));
}

type MessageKind = "text" | "refusal";

class MessageDecoder implements ItemDecoder {
  readonly #options: ItemDecoderOptions;
  readonly #seen = new Set<number>();
  #open: { index: number; kind: MessageKind; citations: number } | undefined;

  constructor(options: ItemDecoderOptions) {
    this.#options = options;
  }

  event(type: string, event: JsonObject): void {
    const index = numberAt(event, "content_index") ?? 0;
    switch (type) {
      case "response.output_text.delta":
        this.#delta("text", index, stringAt(event, "delta"));
        return;
      case "response.refusal.delta":
        this.#delta("refusal", index, stringAt(event, "delta"));
        return;
      case "response.output_text.done":
        this.#whole("text", index, stringAt(event, "text"));
        return;
      case "response.refusal.done":
        this.#whole("refusal", index, stringAt(event, "refusal"));
        return;
      case "response.output_text.annotation.added":
        this.#cite(index, [objectAt(event, "annotation") ?? {}], 0);
        return;
      case "response.content_part.done":
        this.#part(index, objectAt(event, "part") ?? {});
    }
  }

  finish(item: JsonObject | undefined): void {
    if (item) notePhase(item, this.#options.context);
    const parts = objectsAt(item ?? {}, "content");
    // Some hosts (vLLM) count streamed parts from 1 and final ones from 0, so the number decides.
    if (parts.filter(hasText).length > this.#seen.size) {
      for (const [index, part] of parts.entries()) this.#part(index, part);
    } else if (this.#open) {
      this.#part(this.#open.index, parts.findLast(hasText) ?? {});
    }
    this.#close();
  }

  #delta(kind: MessageKind, index: number, text: string | undefined): void {
    if (!text) return;
    if (this.#open?.index !== index || this.#open.kind !== kind) {
      this.#close();
      this.#open = { index, kind, citations: 0 };
      this.#seen.add(index);
      this.#options.emit({ type: "open", kind });
    }
    this.#options.emit({ type: "delta", text });
  }

  #whole(kind: MessageKind, index: number, text: string | undefined): void {
    if (!this.#seen.has(index)) this.#delta(kind, index, text);
  }

  #part(index: number, part: JsonObject): void {
    if (part["type"] === "refusal") this.#whole("refusal", index, stringAt(part, "refusal"));
    if (part["type"] !== "output_text") return;
    this.#whole("text", index, stringAt(part, "text"));
    this.#cite(index, objectsAt(part, "annotations"), this.#open?.citations ?? 0);
  }

  #cite(index: number, annotations: readonly JsonObject[], from: number): void {
    const open = this.#open;
    if (open?.index !== index || open.kind !== "text") return;
    for (const annotation of annotations.slice(from)) {
      open.citations++;
      this.#options.emit({ type: "citation", citation: citationOf(annotation) });
    }
  }

  #close(): void {
    if (this.#open) this.#options.emit({ type: "close" });
    this.#open = undefined;
  }
}

class ReasoningDecoder implements ItemDecoder {
  readonly #options: ItemDecoderOptions;
  readonly #seen = new Set<string>();
  #open: { isRaw: boolean; index: number } | undefined;

  constructor(options: ItemDecoderOptions) {
    this.#options = options;
  }

  event(type: string, event: JsonObject): void {
    switch (type) {
      case "response.reasoning_summary_text.delta":
        this.#delta(false, numberAt(event, "summary_index") ?? 0, stringAt(event, "delta"));
        return;
      case "response.reasoning_text.delta":
        this.#delta(true, numberAt(event, "content_index") ?? 0, stringAt(event, "delta"));
        return;
      case "response.reasoning_summary_text.done":
        this.#whole(false, numberAt(event, "summary_index") ?? 0, stringAt(event, "text"));
        return;
      case "response.reasoning_text.done":
        this.#whole(true, numberAt(event, "content_index") ?? 0, stringAt(event, "text"));
    }
  }

  finish(item: JsonObject | undefined): void {
    const { raw, summary } = reasoningTexts(item ?? {});
    for (const [index, text] of raw.entries()) this.#whole(true, index, text);
    for (const [index, text] of summary.entries()) this.#whole(false, index, text);
    const carrier = item && carrierOf(item, this.#options.context.provider);
    if (this.#open) this.#options.emit({ type: "close", ...(carrier && { carrier }) });
    else if (carrier) {
      this.#options.emit({ type: "block", part: { kind: "redacted", carrier } });
    }
  }

  #delta(isRaw: boolean, index: number, text: string | undefined): void {
    if (!text) return;
    const { emit } = this.#options;
    if (this.#open && this.#open.isRaw !== isRaw) {
      emit({ type: "close" });
      this.#open = undefined;
    }
    const isNext = this.#open !== undefined && this.#open.index !== index;
    if (!this.#open) emit({ type: "open", kind: "thinking", ...(isRaw && { isRaw }) });
    if (this.#open?.index !== index) {
      this.#open = { isRaw, index };
      this.#seen.add(`${isRaw} ${index}`);
    }
    emit({ type: "delta", text: isNext ? REASONING_SEPARATOR + text : text });
  }

  #whole(isRaw: boolean, index: number, text: string | undefined): void {
    if (!this.#seen.has(`${isRaw} ${index}`)) this.#delta(isRaw, index, text);
  }
}

class CallDecoder implements ItemDecoder {
  readonly #options: ItemDecoderOptions;
  readonly #isFreeform: boolean;
  readonly #announced: JsonObject;
  #streamed = "";
  #isOpen = false;

  constructor(isFreeform: boolean, announced: JsonObject, options: ItemDecoderOptions) {
    this.#isFreeform = isFreeform;
    this.#announced = announced;
    this.#options = options;
    if (stringAt(announced, "call_id") && stringAt(announced, "name")) this.#open(announced);
  }

  event(type: string, event: JsonObject): void {
    if (type.endsWith(".delta")) this.#push(stringAt(event, "delta") ?? "");
    if (type.endsWith(".done")) this.#rest(event);
  }

  finish(item: JsonObject | undefined): void {
    const final = item ?? this.#announced;
    const early = this.#streamed;
    if (!this.#isOpen) {
      this.#open(final);
      if (early) this.#options.emit({ type: "delta", text: early });
    }
    this.#rest(final);
    this.#options.emit({ type: "close" });
  }

  #open(item: JsonObject): void {
    const namespace = stringAt(item, "namespace");
    this.#isOpen = true;
    this.#options.emit({
      type: "open",
      kind: "toolCall",
      id: callIdOf(item, this.#options.place),
      name: stringAt(item, "name") ?? "",
      ...(namespace !== undefined && { namespace }),
      ...(this.#isFreeform && { isFreeform: true }),
    });
  }

  /** Until the call has its id and name, text only accumulates. */
  #push(text: string): void {
    if (text === "") return;
    this.#streamed += text;
    if (this.#isOpen) this.#options.emit({ type: "delta", text });
  }

  #rest(whole: JsonObject): void {
    const text = stringAt(whole, this.#isFreeform ? "input" : "arguments") ?? "";
    if (text.startsWith(this.#streamed)) this.#push(text.slice(this.#streamed.length));
  }
}

/** Server tools: shown once, complete; their progress events say nothing canonical. */
class WholeItemDecoder implements ItemDecoder {
  readonly #options: ItemDecoderOptions;

  constructor(options: ItemDecoderOptions) {
    this.#options = options;
  }

  event(): void {}

  finish(item: JsonObject | undefined): void {
    if (!item) return;
    const { emit, place, context } = this.#options;
    for (const part of partsOf(item, place, context)) {
      if (isBlock(part)) emit({ type: "block", part });
    }
  }
}

function isBlock(part: ReplyPart): part is Extract<ReplyPart, { kind: "redacted" | "serverTool" }> {
  return part.kind === "redacted" || part.kind === "serverTool";
}
