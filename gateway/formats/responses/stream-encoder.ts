// Canonical events → Responses SSE in the vendor's exact grammar. An item is ended only
// when the next thing is known: texts that follow each other share a message, and a call cut by the token
// limit ends as incomplete. The delta path joins ready strings; only the new text is JSON-encoded.

import type { Carrier, Citation, Failure, JsonObject, ReplyEvent } from "#wire";
import type { ReplyContext, StreamEncoder } from "../format.ts";
import { annotationsOf } from "./annotations.ts";
import { boundId } from "./carriers.ts";
import { errorObject } from "./errors.ts";
import {
  type CallHead,
  callItem,
  callItemId,
  type ItemStatus,
  messageItem,
  outputText,
  reasoningItem,
  refusal,
} from "./item-writer.ts";
import { canCarry, noteServerTool } from "./reply-encoder.ts";
import { type ResponseStatus, responseHead, settingsOf, statusOf } from "./response-object.ts";

/** What keeps a silent connection open: an SSE comment, which every reader skips. */
const KEEP_ALIVE = ": keep-alive\n\n";

/** Creates the encoder of one answer. */
export function createStreamEncoder(context: ReplyContext): StreamEncoder {
  return new ResponsesStreamEncoder(context);
}

/** SSE that ends a stream already begun with other bytes: the error, and the failure readers wait for. */
export function encodeStreamCut(
  failure: Failure,
  context: ReplyContext,
  { nextSequence }: { nextSequence: number },
): string {
  return new ResponsesStreamEncoder(context, { nextSequence }).encode({ type: "error", failure });
}

type Item =
  | { readonly kind: "message"; readonly id: string; readonly content: JsonObject[] }
  | { readonly kind: "call"; readonly id: string; readonly call: CallHead; text: string }
  | { readonly kind: "reasoning"; readonly id: string; readonly isRaw: boolean };

type BlockKind = "text" | "refusal" | "summary" | "raw" | "arguments" | "input";

/** Event names and fields of each kind of block that has deltas. */
const EVENTS: Readonly<Record<BlockKind, { delta: string; done: string; whole: string }>> = {
  text: {
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    whole: "text",
  },
  refusal: {
    delta: "response.refusal.delta",
    done: "response.refusal.done",
    whole: "refusal",
  },
  summary: {
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    whole: "text",
  },
  raw: {
    delta: "response.reasoning_text.delta",
    done: "response.reasoning_text.done",
    whole: "text",
  },
  arguments: {
    delta: "response.function_call_arguments.delta",
    done: "response.function_call_arguments.done",
    whole: "arguments",
  },
  input: {
    delta: "response.custom_tool_call_input.delta",
    done: "response.custom_tool_call_input.done",
    whole: "input",
  },
};

interface Block {
  readonly kind: BlockKind;
  text: string;
  citations: Citation[];
  /** Where the block stands, as the JSON of its routing fields; set with the first delta. */
  place: JsonObject | undefined;
  /** A delta event up to its sequence number. */
  head: string;
}

class ResponsesStreamEncoder implements StreamEncoder {
  readonly keepAlive = KEEP_ALIVE;
  readonly #context: ReplyContext;
  /** The settings' JSON without its opening brace: written three times, made once. */
  readonly #settings: string;
  readonly #output: string[] = [];
  #sequence: number;
  #item: Item | undefined;
  #block: Block | undefined;
  #hasStarted: boolean;
  #hasEnded = false;
  #hasRefusal = false;

  /** With `nextSequence` it continues a stream that was begun elsewhere. */
  constructor(context: ReplyContext, { nextSequence }: { nextSequence?: number } = {}) {
    this.#context = context;
    this.#sequence = nextSequence ?? 0;
    this.#hasStarted = nextSequence !== undefined;
    this.#settings = JSON.stringify(settingsOf(context.request)).slice(1);
  }

  encode(event: ReplyEvent): string {
    if (this.#hasEnded) return "";
    switch (event.type) {
      case "delta":
        return this.#delta(event.text);
      case "start":
        return this.#start();
      case "ping":
        return KEEP_ALIVE;
      case "open":
        return this.#start() + this.#open(event);
      case "citation":
        this.#block?.citations.push(event.citation);
        return "";
      case "close":
        return this.#close(event.carrier);
      case "block":
        return this.#start() + this.#whole(event.part);
      case "error":
        return this.#start() + this.#fail(event.failure);
      case "finish": {
        const state = statusOf(event.stop, this.#hasRefusal);
        const items = this.#start() + this.#endItem(itemStatus(state));
        if (state.status === "failed") return items + this.#fail(state.failure);
        this.#hasEnded = true;
        return items + this.#response(`response.${state.status}`, state, event);
      }
    }
  }

  #start(): string {
    if (this.#hasStarted) return "";
    this.#hasStarted = true;
    const state = { status: "in_progress" } as const;
    return (
      this.#response("response.created", state) + this.#response("response.in_progress", state)
    );
  }

  #open(event: Extract<ReplyEvent, { type: "open" }>): string {
    if (event.kind === "toolCall") return this.#openCall(event);
    const kind = event.kind === "thinking" ? (event.isRaw ? "raw" : "summary") : event.kind;
    this.#block = { kind, text: "", citations: [], place: undefined, head: "" };
    return "";
  }

  #openCall(call: CallHead): string {
    const ended = this.#endItem("completed");
    const id = callItemId(call, this.#context);
    const kind = call.isFreeform ? "input" : "arguments";
    this.#item = { kind: "call", id, call, text: "" };
    this.#block = { kind, text: "", citations: [], place: undefined, head: "" };
    this.#setPlace(this.#block, { item_id: id, output_index: this.#output.length });
    return ended + this.#added(callItem(id, "in_progress", call, ""));
  }

  #delta(text: string): string {
    const block = this.#block;
    if (!block) return "";
    const opened = block.place === undefined ? this.#showBlock(block) : "";
    block.text += text;
    return `${opened}${block.head}${this.#sequence++},"delta":${JSON.stringify(text)}}\n\n`;
  }

  /** Announces a text or reasoning block, at its first delta: an empty one is never shown. */
  #showBlock(block: Block): string {
    switch (block.kind) {
      case "text":
      case "refusal":
        return this.#showContent(block);
      case "summary":
      case "raw":
        return this.#showReasoning(block, block.kind === "raw");
      default:
        return "";
    }
  }

  #showContent(block: Block): string {
    let sse = "";
    if (this.#item?.kind !== "message") {
      sse += this.#endItem("completed");
      const id = `msg_${this.#context.newId()}`;
      this.#item = { kind: "message", id, content: [] };
      sse += this.#added(messageItem(id, "in_progress", []));
    }
    if (block.kind === "refusal") this.#hasRefusal = true;
    const place = {
      item_id: this.#item.id,
      output_index: this.#output.length,
      content_index: this.#item.content.length,
    };
    this.#setPlace(block, place);
    const part = block.kind === "refusal" ? refusal("") : outputText("", []);
    return sse + this.#event("response.content_part.added", { ...place, part });
  }

  #showReasoning(block: Block, isRaw: boolean): string {
    const ended = this.#endItem("completed");
    const id = `rs_${this.#context.newId()}`;
    this.#item = { kind: "reasoning", id, isRaw };
    const at = { item_id: id, output_index: this.#output.length };
    const place = isRaw ? { ...at, content_index: 0 } : { ...at, summary_index: 0 };
    this.#setPlace(block, place);
    const part = { type: isRaw ? "reasoning_text" : "summary_text", text: "" };
    const added = isRaw ? "response.content_part.added" : "response.reasoning_summary_part.added";
    return (
      ended +
      this.#added(reasoningItem(id, { text: "", isRaw })) +
      this.#event(added, { ...place, part })
    );
  }

  #setPlace(block: Block, place: JsonObject): void {
    const { delta } = EVENTS[block.kind];
    const extra = block.kind === "text" ? { ...place, logprobs: [] } : place;
    block.place = place;
    block.head = `event: ${delta}\ndata: {"type":"${delta}",${JSON.stringify(extra).slice(1, -1)},"sequence_number":`;
  }

  #close(carrier: Carrier | undefined): string {
    const block = this.#block;
    if (!block) return "";
    switch (block.kind) {
      case "text":
      case "refusal":
        this.#block = undefined;
        return block.place ? this.#closeContent(block, block.place) : "";
      case "summary":
      case "raw":
        this.#block = undefined;
        return this.#closeReasoning(block, carrier);
      default: {
        // Readers of deltas only must see the arguments of a call without any.
        const filled = block.kind === "arguments" && block.text === "" ? this.#delta("{}") : "";
        this.#block = undefined;
        if (this.#item?.kind === "call") this.#item.text = block.text;
        return filled + this.#blockDone(block, block.place ?? {});
      }
    }
  }

  #blockDone(block: Block, place: JsonObject): string {
    const { done, whole } = EVENTS[block.kind];
    const name = this.#item?.kind === "call" ? { name: this.#item.call.name } : {};
    return this.#event(done, {
      ...place,
      ...(block.kind === "text" && { logprobs: [] }),
      [whole]: block.text,
      ...(block.kind === "arguments" && name),
    });
  }

  #closeContent(block: Block, place: JsonObject): string {
    const annotations = annotationsOf(block.citations, block.text.length, this.#context.losses);
    const part =
      block.kind === "refusal" ? refusal(block.text) : outputText(block.text, annotations);
    if (this.#item?.kind === "message") this.#item.content.push(part);
    let sse = this.#blockDone(block, place);
    for (const [index, annotation] of annotations.entries()) {
      sse += this.#event("response.output_text.annotation.added", {
        ...place,
        annotation_index: index,
        annotation,
      });
    }
    return sse + this.#event("response.content_part.done", { ...place, part });
  }

  #closeReasoning(block: Block, given: Carrier | undefined): string {
    const carrier = canCarry(this.#context) ? given : undefined;
    const isRaw = block.kind === "raw";
    if (!block.place) return this.#bareReasoning(carrier);
    const part = { type: isRaw ? "reasoning_text" : "summary_text", text: block.text };
    const done = isRaw ? "response.content_part.done" : "response.reasoning_summary_part.done";
    const closed =
      this.#blockDone(block, block.place) + this.#event(done, { ...block.place, part });
    const id = this.#item?.id ?? "";
    this.#item = undefined;
    return closed + this.#done(reasoningItem(id, { text: block.text, isRaw, carrier }));
  }

  /** A reasoning item that is nothing but its state. */
  #bareReasoning(carrier: Carrier | undefined): string {
    if (!carrier) return "";
    const id = boundId(carrier) ?? `rs_${this.#context.newId()}`;
    return this.#wholeItem(reasoningItem(id, { text: "", isRaw: false, carrier }));
  }

  #whole(part: Extract<ReplyEvent, { type: "block" }>["part"]): string {
    if (part.kind === "redacted") {
      return this.#bareReasoning(canCarry(this.#context) ? part.carrier : undefined);
    }
    if (part.format === "responses") return this.#wholeItem(part.raw);
    noteServerTool(part.type, this.#context);
    return "";
  }

  #wholeItem(item: JsonObject): string {
    return this.#endItem("completed") + this.#added(item) + this.#done(item);
  }

  /** Ends the message or call that waited to learn what follows it. */
  #endItem(status: ItemStatus): string {
    const item = this.#item;
    this.#item = undefined;
    if (item?.kind === "message") return this.#done(messageItem(item.id, status, item.content));
    if (item?.kind !== "call") return "";
    return this.#done(callItem(item.id, status, item.call, item.text));
  }

  #added(item: JsonObject): string {
    return this.#event("response.output_item.added", { output_index: this.#output.length, item });
  }

  #done(item: JsonObject): string {
    const sse = this.#event("response.output_item.done", {
      output_index: this.#output.length,
      item,
    });
    this.#output.push(JSON.stringify(item));
    return sse;
  }

  #fail(failure: Failure): string {
    this.#hasEnded = true;
    const error = errorObject(failure);
    const { code, message, param } = error;
    // Both forms: the documents say flat, the vendor sends nested, and readers exist for each.
    const told = this.#event("error", { code, message, param, error });
    return told + this.#response("response.failed", { status: "failed", failure });
  }

  #response(
    type: string,
    state: ResponseStatus,
    { usage }: Pick<Extract<ReplyEvent, { type: "finish" }>, "usage"> = {},
  ): string {
    const head = JSON.stringify(responseHead(this.#context, state, usage)).slice(0, -1);
    const output = state.status === "in_progress" ? "" : this.#output.join(",");
    const response = `${head},"output":[${output}],${this.#settings}`;
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#sequence++},"response":${response}}\n\n`;
  }

  #event(type: string, fields: JsonObject): string {
    const rest = JSON.stringify(fields).slice(1);
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#sequence++},${rest}\n\n`;
  }
}

function itemStatus(state: ResponseStatus): ItemStatus {
  return state.status === "completed" ? "completed" : "incomplete";
}
