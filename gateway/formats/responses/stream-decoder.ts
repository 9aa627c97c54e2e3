// Responses SSE → canonical events, strictly sequential whatever the upstream interleaves: one item is
// live, the others wait in order. Items are told apart by output_index, because some hosts give every
// event another item id. Never throws; what breaks the dialect becomes an `error` event.

import {
  type EmitReplyEvent,
  type Failure,
  isJsonObject,
  type Json,
  type JsonObject,
  type ReplyEvent,
} from "#wire";
import type { StreamDecoder, UpstreamContext } from "../format.ts";
import { badGateway, failureIn } from "./errors.ts";
import { numberAt, objectAt, objectsAt, stringAt } from "./fields.ts";
import { createItemDecoder, type ItemDecoder, itemTypeOfEvent } from "./item-decoder.ts";
import { endingOf } from "./reply-decoder.ts";
import { usageOf } from "./usage.ts";

/** Terminal events and the status each stands for; `response.done` leaves it to the body. */
const TERMINAL = new Map<string, string | undefined>([
  ["response.completed", "completed"],
  ["response.incomplete", "incomplete"],
  ["response.failed", "failed"],
  ["response.cancelled", "cancelled"],
  ["response.done", undefined],
]);

interface Slot {
  readonly index: number;
  readonly type: string;
  /** Ids the item was seen under, to find it in the final output. */
  readonly ids: Set<string>;
  readonly decoder: ItemDecoder;
  /** Events that wait for their turn. */
  readonly held: ReplyEvent[];
  isDone: boolean;
}

/** Creates the decoder of one upstream stream. */
export function createStreamDecoder(emit: EmitReplyEvent, context: UpstreamContext): StreamDecoder {
  return new ResponsesStreamDecoder(emit, context);
}

class ResponsesStreamDecoder implements StreamDecoder {
  readonly #emit: EmitReplyEvent;
  readonly #context: UpstreamContext;
  readonly #slots: Slot[] = [];
  /** The newest slot of each output_index; some hosts count every item as 0. */
  readonly #slotAt = new Map<number, Slot>();
  #live: Slot | undefined;
  #waiting: Slot[] = [];
  #responseId = "";
  #hasStarted = false;
  #hasEnded = false;
  #hasCall = false;
  #hasRefusal = false;

  constructor(emit: EmitReplyEvent, context: UpstreamContext) {
    this.#emit = emit;
    this.#context = context;
  }

  isPlainDelta(): boolean {
    return true;
  }

  event(name: string, data: string): void {
    if (this.#hasEnded || data === "" || data === "[DONE]") return;
    let event: Json;
    try {
      event = JSON.parse(data);
    } catch {
      this.#fail(badGateway("the upstream sent an event that is not JSON"));
      return;
    }
    if (!isJsonObject(event)) {
      this.#fail(badGateway("the upstream sent an event that is not an object"));
      return;
    }
    this.#take(stringAt(event, "type") ?? name, event);
  }

  end(): void {
    if (!this.#hasEnded) {
      this.#fail(badGateway("upstream closed the stream before it was finished"));
    }
  }

  #take(type: string, event: JsonObject): void {
    switch (type) {
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        this.#start(objectAt(event, "response") ?? {});
        return;
      case "response.output_item.added":
        this.#added(event);
        return;
      case "response.output_item.done":
        this.#itemDone(event);
        return;
      case "error":
        this.#fail(failureIn(event));
        return;
      default:
    }
    if (TERMINAL.has(type)) this.#finish(TERMINAL.get(type), objectAt(event, "response") ?? {});
    // A host's own failure object without a type, as the Chat endpoints send it.
    else if (type === "" && isJsonObject(event["error"])) this.#fail(failureIn(event));
    else this.#slot(event, itemTypeOfEvent(type))?.decoder.event(type, event);
  }

  #start(response: JsonObject): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const id = stringAt(response, "id");
    const model = stringAt(response, "model");
    this.#responseId = id ?? "";
    this.#emit({
      type: "start",
      ...(id !== undefined && { id }),
      ...(model !== undefined && { model }),
    });
  }

  #added(event: JsonObject): void {
    const item = objectAt(event, "item") ?? {};
    const index = numberAt(event, "output_index") ?? this.#nextIndex();
    const known = this.#slotAt.get(index);
    if (!known || known.isDone) this.#open(index, stringAt(item, "type") ?? "unknown", item);
  }

  #nextIndex(): number {
    return Math.max(-1, ...this.#slotAt.keys()) + 1;
  }

  /** The slot an event belongs to; made when the type is known, undefined when it belongs to none. */
  #slot(event: JsonObject, type: string | undefined): Slot | undefined {
    const index = numberAt(event, "output_index") ?? this.#live?.index ?? this.#nextIndex();
    const known = this.#slotAt.get(index);
    if (known) return known.isDone ? undefined : known;
    if (type === undefined) return undefined;
    return this.#open(index, type, objectAt(event, "item"));
  }

  #open(index: number, type: string, item: JsonObject | undefined): Slot {
    this.#start({});
    const held: ReplyEvent[] = [];
    let slot: Slot | undefined;
    const emit: EmitReplyEvent = (event) => {
      if (slot !== undefined && slot === this.#live) this.#send(event);
      else held.push(event);
    };
    const place = { responseId: this.#responseId, index };
    const decoder = createItemDecoder(type, item, { emit, place, context: this.#context });
    slot = { index, type, ids: new Set(), decoder, held, isDone: false };
    if (item) noteIds(slot, item);
    this.#slots.push(slot);
    this.#slotAt.set(index, slot);
    this.#waiting.push(slot);
    if (!this.#live) this.#advance();
    return slot;
  }

  #itemDone(event: JsonObject): void {
    const item = objectAt(event, "item") ?? {};
    const slot = this.#slot(event, stringAt(item, "type"));
    if (slot) this.#done(slot, item);
  }

  #done(slot: Slot, item: JsonObject | undefined): void {
    if (item) noteIds(slot, item);
    slot.decoder.finish(item);
    slot.isDone = true;
    if (slot === this.#live) this.#advance();
  }

  /** Gives the turn to the first waiting item, and on from every one that is already done. */
  #advance(): void {
    do {
      this.#waiting.sort((a, b) => a.index - b.index);
      this.#live = this.#waiting.shift();
      for (const event of this.#live?.held ?? []) this.#send(event);
    } while (this.#live?.isDone);
  }

  #send(event: ReplyEvent): void {
    if (event.type === "open") {
      if (event.kind === "toolCall") this.#hasCall = true;
      if (event.kind === "refusal") this.#hasRefusal = true;
    }
    this.#emit(event);
  }

  #finish(status: string | undefined, response: JsonObject): void {
    if (status === "failed" || status === "cancelled") {
      const failure = endingOf(status, response, { hasCall: false, hasRefusal: false });
      if (typeof failure !== "string") this.#fail(failure);
      return;
    }
    this.#start(response);
    this.#complete(objectsAt(response, "output"));
    const contained = { hasCall: this.#hasCall, hasRefusal: this.#hasRefusal };
    const stop = endingOf(
      status ?? stringAt(response, "status") ?? "of unknown status",
      response,
      contained,
    );
    if (typeof stop !== "string") {
      this.#fail(stop);
      return;
    }
    const usage = usageOf(response);
    this.#hasEnded = true;
    this.#emit({ type: "finish", stop, ...(usage && { usage }) });
  }

  /** Ends what is open and makes up for items that were never streamed; streamed ones are trusted. */
  #complete(output: readonly JsonObject[]): void {
    const slots = this.#slots.slice();
    const matched = new Map<JsonObject, Slot>();
    const match = (item: JsonObject, isIt: (slot: Slot) => boolean) => {
      const at = slots.findIndex((slot) => slot.type === item["type"] && isIt(slot));
      const [slot] = at < 0 ? [] : slots.splice(at, 1);
      if (slot) matched.set(item, slot);
    };
    for (const item of output) match(item, (slot) => hasIdOf(slot, item));
    // A host that rotates ids is still known by the position.
    for (const [index, item] of output.entries()) {
      if (!matched.has(item)) match(item, (slot) => slot.index === index);
    }
    for (const [item, slot] of matched) if (!slot.isDone) this.#done(slot, item);
    for (const slot of slots) if (!slot.isDone) this.#done(slot, undefined);
    for (const item of output) {
      if (matched.has(item)) continue;
      this.#done(this.#open(this.#nextIndex(), stringAt(item, "type") ?? "unknown", item), item);
    }
  }

  #fail(failure: Failure): void {
    this.#hasEnded = true;
    this.#emit({ type: "error", failure });
  }
}

function noteIds(slot: Slot, item: JsonObject): void {
  for (const key of ["id", "call_id"]) {
    const id = stringAt(item, key);
    if (id) slot.ids.add(id);
  }
}

function hasIdOf(slot: Slot, item: JsonObject): boolean {
  return ["id", "call_id"].some((key) => slot.ids.has(stringAt(item, key) ?? ""));
}
