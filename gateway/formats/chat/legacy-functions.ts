// The `functions` / `function_call` dialect that tool_calls replaced in 2023: one call per turn, no ids.
// Its callers get their own shape back. Refuses to guess which call a result answers when names differ.

import type { ConversationRequest, Json } from "#wire";

const MARK = "functions";

/** What decodeRequest leaves in `echo` so that the reply comes in the caller's dialect. */
export function legacyEcho(functions: Json): Record<string, Json> {
  return { [MARK]: functions };
}

/** True when the caller declared `functions`, and so expects `function_call`. */
export function isLegacyCaller(request: ConversationRequest | null): boolean {
  return request?.echo?.[MARK] !== undefined;
}

/** Ids for calls without: stable, because history keeps its positions. */
export class LegacyCallIds {
  readonly #open = new Map<string, string>();

  /** The id of the call in message `index`. */
  call(name: string, index: number): string {
    const id = `call_function_${index}`;
    this.#open.set(name, id);
    return id;
  }

  /** The id of the latest unanswered call of that name. */
  answer(name: string): string | undefined {
    const id = this.#open.get(name);
    this.#open.delete(name);
    return id;
  }
}
