// The list of what a translation could not carry. Nothing is dropped in silence: each loss is named
// in `x-parley-lossy` (an SSE comment of that name when the stream has begun) and in the log.

/** Header that names losses: `field=reason, field=reason`. */
export const LOSSY_HEADER = "x-parley-lossy";

/** Why reasoning is lost that one account made and another would have to read. */
export const SEALED_ELSEWHERE = "reasoning that another account sealed";

/** Longest header value; further losses are counted as `and N more`. */
export const MAX_LOSSY_HEADER_CHARS = 2_000;

/** Collects the losses of one request, once per field. */
export class Losses {
  readonly #reasons = new Map<string, string>();

  /** Records that `field` (the caller's JSON path, or a reply part kind) was lost or changed, and why in a few words. */
  add(field: string, reason: string): void {
    if (!this.#reasons.has(field)) this.#reasons.set(field, reason);
  }

  /** Each field that was lost, and why, in the order in which they were met. */
  get all(): readonly (readonly [field: string, reason: string])[] {
    return [...this.#reasons];
  }

  get isEmpty(): boolean {
    return this.#reasons.size === 0;
  }

  /** The header value: printable ASCII, bounded. */
  toString(): string {
    const items = [...this.#reasons].map(([field, reason]) => `${field}=${reason}`);
    let value = "";
    for (const [index, item] of items.entries()) {
      const next = value === "" ? item : `${value}, ${item}`;
      if (next.length > MAX_LOSSY_HEADER_CHARS) {
        value += `${value === "" ? "" : ", "}and ${items.length - index} more`;
        break;
      }
      value = next;
    }
    return value.replace(/[^\x20-\x7e]/g, "?");
  }
}
