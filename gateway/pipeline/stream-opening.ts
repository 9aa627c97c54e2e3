// The beginning of a same-format stream, before anything of it goes out: does it only announce an answer, has one begun,
// or has it failed? Reads no further than the first event that tells.

import { isJsonObject, type CallerFormatId, type JsonObject } from "#wire";
import { eventObject } from "./event-object.ts";

/** How long a begun stream may show no content before its headers go out all the same. */
export const MAX_HOLD_MS = 1_000;
/** Most bytes of announcements that are held back; they may repeat instructions and tools. */
export const MAX_HELD_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;
/** How much of a line is looked at. */
const HEAD_BYTES = 512;
/** What says no more than that the request has arrived. */
const ANNOUNCING = /"type" ?: ?"response\.(?:created|in_progress|queued)"/;
const MAY_FAIL = /"error"|"response\.failed"/;

/** Looks at the lines of a stream until it is known what its beginning says. */
export class StreamOpening {
  readonly #format: CallerFormatId;
  #heldBytes = 0;
  /** The event that told of a failure before anything else. */
  failure: JsonObject | undefined;
  /** True once an answer has begun, has failed, or has been announced at too great a length. */
  isDecided = false;

  constructor(format: CallerFormatId) {
    this.#format = format;
  }

  /** True before anything was there. */
  get isEmpty(): boolean {
    return this.#heldBytes === 0;
  }

  /** Takes whole lines. */
  take(lines: Buffer): void {
    this.#heldBytes += lines.length;
    for (let at = 0; at < lines.length && !this.isDecided;) {
      const newline = lines.indexOf(NEWLINE, at);
      const end = newline === -1 ? lines.length : newline;
      this.#line(lines, at, end);
      at = end + 1;
    }
    if (this.#heldBytes > MAX_HELD_BYTES) this.isDecided = true;
  }

  #line(lines: Buffer, start: number, end: number): void {
    const head = lines.toString("latin1", start, Math.min(end, start + HEAD_BYTES));
    // Comments, names and blank lines say nothing by themselves.
    if (!head.startsWith("data:")) return;
    if (this.#format === "responses" && ANNOUNCING.test(head)) return;
    this.isDecided = true;
    const data = lines.toString("utf8", start + "data:".length, end);
    const event = MAY_FAIL.test(data) ? eventObject(data) : undefined;
    if (event && this.#isFailure(event)) this.failure = event;
  }

  #isFailure({ type, error, choices }: JsonObject): boolean {
    if (type === "error" || (this.#format === "responses" && type === "response.failed"))
      return true;
    return this.#format === "chat" && isJsonObject(error) && !hasContent(choices);
  }
}

// Some hosts tell of a failure in a chunk that still holds a choice, which then says nothing.
function hasContent(choices: JsonObject[string]): boolean {
  const [first] = Array.isArray(choices) ? choices : [];
  const delta = isJsonObject(first) ? first["delta"] : undefined;
  return isJsonObject(delta) && typeof delta["content"] === "string" && delta["content"] !== "";
}
