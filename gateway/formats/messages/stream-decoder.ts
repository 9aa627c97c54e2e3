// Messages SSE events → canonical events. Emits a strictly sequential stream whatever the host did:
// overlapping blocks wait for each other, missing starts and stops are supplied, anything after the
// end is ignored. Refuses to call a stream complete that did not say message_stop.

import type { EmitReplyEvent, Failure, Json, JsonObject, StopReason, Usage } from "#wire";
import { isJsonObject, parseJson } from "#wire";
import type { StreamDecoder, UpstreamContext } from "../format.ts";
import { decodeError } from "./errors.ts";
import { decodeStop, refusalText } from "./stop-reasons.ts";
import { createStreamBlock, type StreamBlock } from "./stream-block.ts";
import { mergeUsage } from "./usage.ts";

/** A block and what arrived for it while an earlier one was still live. */
interface Entry {
  readonly index: number;
  readonly block: StreamBlock;
  readonly waiting: JsonObject[];
  hasStopped: boolean;
}

/** Which block a delta belongs into when its host never started one. */
const BLOCK_OF_DELTA: ReadonlyMap<Json | undefined, string> = new Map<Json | undefined, string>([
  ["text_delta", "text"],
  ["citations_delta", "text"],
  ["thinking_delta", "thinking"],
  ["signature_delta", "thinking"],
]);

function failed(message: string): Failure {
  return { kind: "bad_gateway", message };
}

class MessagesStreamDecoder implements StreamDecoder {
  readonly #emit: EmitReplyEvent;
  readonly #context: UpstreamContext;
  /** Blocks not yet ended, in order; the first one is live. */
  #entries: Entry[] = [];
  #messageId = "";
  #blockCount = 0;
  #usage: Usage | undefined;
  #stopReason: Json | undefined;
  #stopSequence: string | undefined;
  #stopDetails: Json | undefined;
  #hasStarted = false;
  #hasDelta = false;
  #hasCalls = false;
  #hasEnded = false;

  constructor(emit: EmitReplyEvent, context: UpstreamContext) {
    this.#emit = emit;
    this.#context = context;
  }

  isPlainDelta(): boolean {
    return true;
  }

  event(name: string, data: string): void {
    if (this.#hasEnded) return;
    if (data === "[DONE]") {
      // Not of this dialect, but some compatible hosts end so instead of with message_stop.
      if (this.#hasDelta) this.#finish();
      return;
    }
    let value: Json;
    try {
      // Only a block start holds numbers that must keep every digit.
      value = name === "content_block_delta" ? JSON.parse(data) : parseJson(data || "{}");
    } catch {
      this.#fail(failed("the upstream sent an event that is no JSON"));
      return;
    }
    if (!isJsonObject(value)) {
      this.#fail(failed("the upstream sent an event that is no JSON object"));
      return;
    }
    this.#dispatch(typeof value.type === "string" ? value.type : name, value);
  }

  end(): void {
    if (!this.#hasEnded)
      this.#fail(failed("the upstream closed the stream before it was finished"));
  }

  #dispatch(type: string, value: JsonObject): void {
    switch (type) {
      case "content_block_delta":
        if (isJsonObject(value.delta)) this.#delta(value.index, value.delta);
        return;
      case "content_block_start":
        if (isJsonObject(value.content_block)) this.#startBlock(value.index, value.content_block);
        return;
      case "content_block_stop":
        this.#stopBlock(value.index);
        return;
      case "message_start":
        this.#start(value.message);
        return;
      case "message_delta":
        this.#messageDelta(value);
        return;
      case "message_stop":
        this.#finish();
        return;
      case "ping":
        this.#emit({ type: "ping" });
        return;
      default:
        if (type === "error" || value.error !== undefined) this.#fail(decodeError(0, value));
    }
  }

  #start(message: Json | undefined): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const { id, model, usage } = isJsonObject(message) ? message : {};
    if (typeof id === "string") this.#messageId = id;
    this.#usage = mergeUsage(usage, undefined);
    this.#emit({
      type: "start",
      ...(typeof id === "string" && { id }),
      ...(typeof model === "string" && { model }),
      ...(this.#usage && { usage: this.#usage }),
    });
  }

  #startBlock(at: Json | undefined, raw: JsonObject): void {
    this.#start(undefined);
    if (raw.type === "tool_use") {
      this.#hasCalls = true;
      if (typeof raw.name !== "string" || raw.name === "") {
        this.#fail(failed("the upstream called a tool without naming it"));
        return;
      }
    }
    const index = typeof at === "number" ? at : (this.#entries.at(-1)?.index ?? -1) + 1;
    // An index that comes again was never stopped.
    const same = this.#entries.find((entry) => entry.index === index);
    if (same) this.#stopEntry(same);
    const block = createStreamBlock(raw, {
      newId: () => this.#supplyId(),
      stream: { emit: this.#emit, provider: this.#context.provider },
    });
    this.#entries.push({ index, block, waiting: [], hasStopped: false });
    if (this.#entries.length === 1) block.begin();
  }

  /** Id for a tool call that came without one; stable for this stream. */
  #supplyId(): string {
    const { newId } = this.#context;
    if (newId) return `toolu_${newId()}`;
    const messageId = this.#messageId.replace(/[^A-Za-z0-9_-]/g, "").slice(-40);
    return `toolu_${messageId}_${this.#blockCount++}`;
  }

  #delta(at: Json | undefined, delta: JsonObject): void {
    let entry = this.#entries[0];
    if (!entry || (entry.index !== at && typeof at === "number")) {
      entry = this.#entries.find((one) => one.index === at) ?? this.#supplyBlock(at, delta);
    }
    if (!entry) return;
    if (entry === this.#entries[0]) entry.block.delta(delta);
    else entry.waiting.push(delta);
  }

  /** The block for a delta whose start is missing; undefined when nobody could name it. */
  #supplyBlock(at: Json | undefined, delta: JsonObject): Entry | undefined {
    const type = BLOCK_OF_DELTA.get(delta.type);
    if (type !== undefined) {
      this.#startBlock(at, { type });
      return this.#entries.at(-1);
    }
    if (typeof delta.partial_json === "string" && delta.partial_json !== "") {
      this.#fail(failed("the upstream sent tool arguments without a tool call"));
    }
    return undefined;
  }

  #stopBlock(at: Json | undefined): void {
    const entry =
      typeof at === "number" ? this.#entries.find(({ index }) => index === at) : this.#entries[0];
    if (entry) this.#stopEntry(entry);
  }

  /** Ends the live block and every waiting one whose turn has come. */
  #stopEntry(stopped: Entry): void {
    stopped.hasStopped = true;
    while (this.#entries[0]?.hasStopped) {
      this.#entries.shift()?.block.end();
      const next = this.#entries[0];
      if (!next) return;
      next.block.begin();
      for (const delta of next.waiting.splice(0)) next.block.delta(delta);
    }
  }

  #messageDelta(value: JsonObject): void {
    this.#start(undefined);
    this.#hasDelta = true;
    this.#usage = mergeUsage(value.usage, this.#usage);
    if (!isJsonObject(value.delta)) return;
    const { stop_reason, stop_sequence, stop_details } = value.delta;
    // A second message_delta must not erase what the first one said.
    this.#stopReason = stop_reason ?? this.#stopReason;
    if (typeof stop_sequence === "string") this.#stopSequence = stop_sequence;
    this.#stopDetails = stop_details ?? this.#stopDetails;
  }

  #finish(): void {
    this.#start(undefined);
    for (const entry of this.#entries.slice()) this.#stopEntry(entry);
    const stop = decodeStop(this.#stopReason, this.#hasCalls);
    if (stop === undefined) {
      this.#fail(failed("the upstream stopped for a reason this gateway does not know"));
      return;
    }
    if (stop === "refusal") this.#explainRefusal();
    this.#hasEnded = true;
    this.#emitFinish(stop);
  }

  #emitFinish(stop: StopReason): void {
    this.#emit({
      type: "finish",
      stop,
      ...(this.#stopSequence !== undefined && { stopSequence: this.#stopSequence }),
      ...(this.#usage && { usage: this.#usage }),
    });
  }

  #explainRefusal(): void {
    const text = refusalText(this.#stopDetails);
    if (text === undefined) return;
    this.#emit({ type: "open", kind: "refusal" });
    this.#emit({ type: "delta", text });
    this.#emit({ type: "close" });
  }

  #fail(failure: Failure): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#entries = [];
    this.#emit({ type: "error", failure });
  }
}

/** A decoder for one upstream stream of this dialect. */
export function createStreamDecoder(emit: EmitReplyEvent, context: UpstreamContext): StreamDecoder {
  return new MessagesStreamDecoder(emit, context);
}
