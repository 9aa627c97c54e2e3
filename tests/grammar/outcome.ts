// What a client understood of an answer, in words no wire format owns: the yardstick of conservation.
// Read by parsers of our own in *-outcome.ts; the gateway's code is never asked.

/** A call the client is asked to run. */
export interface ToolCall {
  /** "" when the stream gave none. */
  readonly id: string;
  readonly name: string;
  /** Responses only: the group of tools that `name` is in. */
  readonly namespace?: string;
  /** Exact text as it arrived; "{}" for a function called without any. */
  readonly arguments: string;
  readonly isFreeform: boolean;
}

/** Why the answer ended; `pause` asks to be called again. */
export type Stop = "end" | "tool_use" | "max_tokens" | "refusal" | "pause";

/** Tokens; `input` includes both cache figures. */
export interface TokenCount {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
}

/** An answer as its reader holds it. Either `stop` or `error` is there. */
export interface Outcome {
  readonly text: string;
  readonly thinking: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCall[];
  /** Opaque reasoning state, our carriers unwrapped to what they carry. */
  readonly opaque: readonly string[];
  readonly stop?: Stop;
  readonly usage?: TokenCount;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The failure of a stream that ended without saying how. */
export const CUT_OFF = { code: "cut_off", message: "the stream ended before it was finished" };

/** The function arguments a client runs with: none at all means none given. */
export function callArguments(written: string): string {
  return written === "" ? "{}" : written;
}

/** What a `gw1.` carrier holds ("" when only its kind mattered), or the string itself. */
export function unwrapCarrier(opaque: string): string {
  if (!opaque.startsWith("gw1.")) return opaque;
  try {
    const json: unknown = JSON.parse(Buffer.from(opaque.slice(4), "base64url").toString("utf8"));
    const data = typeof json === "object" && json !== null && "d" in json ? json.d : undefined;
    if (data === "[]") return "";
    return typeof data === "string" ? data : opaque;
  } catch {
    return opaque;
  }
}
