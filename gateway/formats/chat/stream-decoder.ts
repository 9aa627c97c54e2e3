// Chat chunks → canonical events, whatever the host did to the dialect. A whole
// reply is read by the same code as one big delta, so both spell the same conversation.
// Refuses to call a reply finished that its host did not finish.

import {
  type EmitReplyEvent,
  type Failure,
  isJsonObject,
  type Json,
  type JsonObject,
  type Usage,
} from "#wire";
import type { StreamDecoder, UpstreamContext } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { BlockWriter } from "./block-writer.ts";
import { decodeAnnotation } from "./citations.ts";
import { decodeStreamError, isErrorBody } from "./errors.ts";
import { decodeFinishReason } from "./finish-reason.ts";
import { detailText, isSummary } from "./reasoning-details.ts";
import { type ThinkPiece, ThinkTags } from "./think-tags.ts";
import { ToolCallQueue } from "./tool-call-queue.ts";
import { readUsage } from "./usage.ts";

const FAILURES = {
  cut: "upstream closed the stream before it was finished",
  malformed: "the upstream sent a chunk that is not a JSON object",
  nameless: "the upstream sent a tool call without a name",
} as const;

/** Things a host may add to a reply that no other dialect can carry. */
const LOST_FIELDS = ["audio", "images", "executed_tools"] as const;

type TextKind = "text" | "refusal" | "thinking";

function nonEmpty(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function thinkingText(value: Json | undefined): string {
  if (!Array.isArray(value)) return nonEmpty(value);
  return value.map((part) => (isJsonObject(part) ? nonEmpty(part["text"]) : "")).join("");
}

/** Decoder of one reply. */
export class ChatStreamDecoder implements StreamDecoder {
  readonly #emit: EmitReplyEvent;
  readonly #context: UpstreamContext;
  readonly #writer: BlockWriter;
  readonly #tools: ToolCallQueue;
  readonly #thinkTags: ThinkTags | undefined;
  /** Text that came while a tool call was open; it follows the calls. */
  #held: { kind: TextKind; text: string; isRaw: boolean }[] = [];
  #id = "";
  #created = "";
  #model = "";
  #usage: Usage | undefined;
  #finishReason = "";
  #hasStarted = false;
  #isWhole = false;
  #isOver = false;
  /** True once the host sent reasoning outside `reasoning_details`, which then repeat it. */
  #hasPlainReasoning = false;

  constructor(emit: EmitReplyEvent, context: UpstreamContext) {
    this.#emit = emit;
    this.#context = context;
    this.#thinkTags = context.quirks?.hasThinkTags ? new ThinkTags() : undefined;
    this.#writer = new BlockWriter(emit, context.provider);
    this.#tools = new ToolCallQueue(this.#writer, (position) => this.#newToolId(position));
  }

  /** Reasoning details and sources are collected beside the text they come with; a tag may come in pieces. */
  isPlainDelta(data: string): boolean {
    if (this.#thinkTags && !this.#thinkTags.isSettled) return false;
    return !data.includes('"reasoning_details"') && !data.includes('"annotations"');
  }

  event(name: string, data: string): void {
    if (this.#isOver || data === "") return;
    if (data.trim() === "[DONE]") return this.#finish();
    let chunk: Json;
    try {
      chunk = JSON.parse(data);
    } catch {
      return name === "error" ? this.#fail(decodeStreamError(data)) : this.#failAs("malformed");
    }
    if (name === "error") return this.#fail(decodeStreamError(chunk));
    if (!isJsonObject(chunk)) return this.#failAs("malformed");
    this.#chunk(chunk);
  }

  /** llama.cpp reports a failure as a line `error: {…}`, which is no field of SSE. */
  line(field: string, value: string): void {
    if (this.#isOver || field !== "error") return;
    let body: Json = value;
    try {
      body = JSON.parse(value);
    } catch {
      // The text itself is the message.
    }
    this.#fail(decodeStreamError(body));
  }

  end(): void {
    if (this.#isOver) return;
    // Some hosts send no [DONE]; a finish_reason is as good an end.
    if (this.#finishReason === "") this.#failAs("cut");
    else this.#finish();
  }

  /** A whole reply body: its messages are read as deltas, and its end is its end. */
  whole(body: JsonObject): void {
    this.#isWhole = true;
    this.#chunk(body);
    if (!this.#isOver) this.#finish();
  }

  #chunk(chunk: JsonObject): void {
    if (isErrorBody(chunk)) return this.#fail(decodeStreamError(chunk));
    this.#usage = readUsage(chunk, this.#usage);
    this.#id ||= nonEmpty(chunk["id"]);
    this.#model ||= nonEmpty(chunk["model"]);
    this.#created ||= String(chunk["created"] ?? "");
    if (chunk["search_results"] !== undefined) {
      this.#context.losses.add("reply.search_results", "no place in the other dialect");
    }
    const choices = chunk["choices"];
    if (!Array.isArray(choices)) return;
    for (const choice of choices) {
      if (isJsonObject(choice) && (choice["index"] ?? 0) === 0) this.#choice(choice);
      if (this.#isOver) return;
    }
  }

  #choice(choice: JsonObject): void {
    const { error } = choice;
    if (error !== undefined && error !== null) return this.#fail(decodeStreamError(choice));
    this.#start();
    // Perplexity sends both, in streams and in whole replies; each has one that counts.
    const { delta, message } = choice;
    const said = this.#isWhole ? (message ?? delta) : (delta ?? message);
    if (isJsonObject(said)) this.#delta(said);
    this.#finishReason ||= nonEmpty(choice["finish_reason"]);
  }

  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#emit({
      type: "start",
      ...(this.#id !== "" && { id: this.#id }),
      ...(this.#model !== "" && { model: this.#model }),
      ...(this.#usage && { usage: this.#usage }),
    });
  }

  #delta(delta: JsonObject): void {
    this.#reasoning(delta);
    const { content, refusal, annotations, tool_calls: calls, function_call: legacy } = delta;
    if (typeof content === "string") this.#content(content);
    else if (Array.isArray(content)) this.#contentParts(content);
    if (Array.isArray(annotations)) this.#annotations(annotations);
    this.#text("refusal", nonEmpty(refusal));
    if (Array.isArray(calls) && calls.length > 0) {
      this.#endThinkTags();
      this.#tools.pushAll(calls);
    }
    if (isJsonObject(legacy)) this.#tools.pushLegacy(legacy);
    for (const field of LOST_FIELDS) {
      const value = delta[field];
      if (Array.isArray(value) ? value.length > 0 : isJsonObject(value) && value["id"] !== "") {
        this.#context.losses.add(`reply.${field}`, "no place in the other dialect");
      }
    }
  }

  #reasoning(delta: JsonObject): void {
    const { reasoning_details: details } = delta;
    const text = nonEmpty(delta["reasoning_content"]) || nonEmpty(delta["reasoning"]);
    const items = Array.isArray(details) ? details.filter(isJsonObject) : [];
    if (text === "" && items.length === 0) return;
    this.#hasPlainReasoning ||= text !== "";
    const shown = this.#hasPlainReasoning ? text : items.map(detailText).join("");
    this.#text("thinking", shown, !isSummary(items));
    for (const item of items) this.#writer.addDetail(item);
  }

  #content(text: string): void {
    // A host that has a field for reasoning does not write it into the text as well.
    if (!this.#thinkTags || this.#hasPlainReasoning) return this.#text("text", text);
    for (const piece of this.#thinkTags.push(text)) this.#piece(piece);
  }

  /** What was held back for a tag is said before a call, and before the end. */
  #endThinkTags(): void {
    for (const piece of this.#thinkTags?.end() ?? []) this.#piece(piece);
  }

  #piece({ kind, text }: ThinkPiece): void {
    this.#text(kind, text, kind === "thinking");
  }

  /** Mistral's content arrays: `text` and `thinking` parts. */
  #contentParts(parts: readonly Json[]): void {
    for (const part of parts) {
      if (!isJsonObject(part)) continue;
      if (part["type"] === "text") this.#text("text", nonEmpty(part["text"]));
      else if (part["type"] === "thinking") {
        this.#text("thinking", thinkingText(part["thinking"]), true);
      } else this.#context.losses.add(`reply.${String(part["type"])}`, "unknown content part");
    }
  }

  #text(kind: TextKind, text: string, isRaw = false): void {
    if (text === "") return;
    if (this.#tools.opened > 0 && this.#tools.isBusy) this.#held.push({ kind, text, isRaw });
    else this.#writer.write(kind, text, isRaw);
  }

  #annotations(annotations: readonly Json[]): void {
    for (const annotation of annotations) {
      const citation = decodeAnnotation(annotation, this.#context.losses);
      if (citation) this.#writer.cite(citation);
    }
  }

  #finish(): void {
    this.#start();
    this.#endThinkTags();
    if (!this.#tools.end()) return this.#failAs("nameless");
    for (const { kind, text, isRaw } of this.#held) this.#writer.write(kind, text, isRaw);
    const lostCitations = this.#writer.end();
    if (lostCitations > 0) this.#context.losses.add("reply.annotations", "no text to stand in");
    const stop = decodeFinishReason(this.#finishReason, {
      hasCalls: this.#tools.opened > 0,
      hasRefusal: this.#writer.hasRefusal,
    });
    if (stop === undefined) {
      const message = `the upstream ended with the unknown finish_reason "${this.#finishReason.slice(0, 40)}"`;
      return this.#fail({ kind: "bad_gateway", message });
    }
    this.#isOver = true;
    this.#emit({ type: "finish", stop, ...(this.#usage && { usage: this.#usage }) });
  }

  #failAs(cause: keyof typeof FAILURES): void {
    this.#fail({ kind: "bad_gateway", message: FAILURES[cause] });
  }

  #fail(failure: Failure): void {
    this.#isOver = true;
    this.#emit({ type: "error", failure });
  }

  #newToolId(position: number): string {
    const { newId } = this.#context;
    if (newId) return `call_${newId()}`;
    return legalToolId(`${this.#id}/${this.#created}/${position}`, "chat");
  }
}
