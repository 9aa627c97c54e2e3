// The same-format lane: caller and upstream speak one dialect, so bytes go through as they are, both ways.
// Only the model's name and the credential change; unknown fields, key order and spacing survive.

import { redact, type OutboundResponse } from "#platform";
import { isJsonObject, parseJson, type FailureKind, type JsonObject, type Usage } from "#wire";
import { UpstreamFailed } from "../errors.ts";
import type { Format, ReplyContext } from "../formats/format.ts";
import { type Losses, SEALED_ELSEWHERE } from "../formats/losses.ts";
import { callerHeaders } from "./crossing-headers.ts";
import { connectionFailed } from "./dispatch.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import { memberStart, memberText, type StandIn } from "../providers/model-stand-in.ts";
import { ModelAlias } from "./model-alias.ts";
import { streamResponse, type StreamParts } from "./stream-response.ts";
import { MAX_HOLD_MS, StreamOpening } from "./stream-opening.ts";
import { StreamTap } from "./stream-tap.ts";

const CARRIER = Buffer.from('"gw1.');
const BLANK_LINE = Buffer.from("\n\n");
const utf8 = new TextEncoder();

/** What stands for the caller's `model` in the body for the upstream. */
export interface SentModel {
  readonly asked: string;
  readonly sent: string;
  /** What a host wants in its place, or before it where `keepsModel` says so. */
  readonly standIn?: StandIn | undefined;
  readonly keepsModel?: boolean;
}

/** What else becomes of the body. */
interface Shaping {
  readonly format: Format;
  /** Where it is named what had to go. */
  readonly losses: Losses;
  /** Whether it goes without any reasoning, because the account cannot read it. */
  readonly isUnsealed?: boolean | undefined;
}

/** The body for the upstream: the caller's bytes, with the model's name and foreign carriers replaced. */
export function sameFormatBody(
  bytes: Uint8Array,
  model: { readonly start: number; readonly end: number },
  { format, losses, isUnsealed = false, ...names }: SentModel & Shaping,
): Uint8Array {
  const renamed = withModel(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    model,
    names,
  );
  if (!isUnsealed && renamed.indexOf(CARRIER) === -1) return renamed;
  // State of another provider, replayed after the conversation moved here: no provider understands it.
  const body = parseJson(renamed.toString("utf8"));
  if (!isJsonObject(body)) return renamed;
  const hadCarriers = format.dropCarriers(body);
  const hadReasoning = isUnsealed && (format.dropReasoning?.(body) ?? false);
  if (!hadCarriers && !hadReasoning) return renamed;
  losses.add("reasoning", hadReasoning ? SEALED_ELSEWHERE : "reasoning of another provider");
  return utf8.encode(JSON.stringify(body));
}

function withModel(
  buffer: Buffer,
  model: { readonly start: number; readonly end: number },
  { asked, sent, standIn, keepsModel }: SentModel,
): Buffer {
  if (!standIn && asked === sent) return buffer;
  const start = standIn ? memberStart(buffer, model.start) : model.start;
  const name = JSON.stringify(sent);
  const text = standIn ? memberText(standIn) + (keepsModel ? `,"model":${name}` : "") : name;
  return Buffer.concat([buffer.subarray(0, start), Buffer.from(text), buffer.subarray(model.end)]);
}

/** Called when the last byte is out. */
export type OnEnd = (
  outcome: Outcome,
  usage: Usage | undefined,
  /** What the upstream said went wrong, after the first byte. */
  failure?: FailureKind,
) => void;

/** An answer on its way back. */
export interface Relay {
  readonly response: OutboundResponse;
  readonly exchange: Exchange;
  /** The dialect of both sides. */
  readonly format: Format;
  /** Model as asked and as sent: the caller sees its own name again. */
  readonly alias: { readonly asked: string; readonly sent: string };
  /** The credential of the call; never shown to the caller. */
  readonly secret: string;
  /** Takes out of a failure what no caller may see. */
  readonly conceal: (text: string) => string;
  /** Answers that were asked for (Chat `n`). */
  readonly choices: number;
  readonly reply: ReplyContext;
}

/** Passes a whole reply on. Throws UpstreamFailed when the connection breaks, or the reply is an error after all. */
export async function relayReply(
  { response, exchange, format, alias, secret }: Omit<Relay, "choices" | "reply" | "conceal">,
  onEnd: OnEnd,
): Promise<Response> {
  let bytes: Uint8Array;
  try {
    bytes = await response.bytes();
  } catch (error) {
    throw connectionFailed(error);
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = parseBody(buffer);
  if (isErrorBody(body)) throw new UpstreamFailed(format.decodeError(502, body));
  onEnd("completed", format.readUsage(body, undefined));
  const named =
    alias.asked === alias.sent
      ? buffer
      : new ModelAlias(alias).replaceTopLevel(buffer, body["model"]);
  const showsSecret = secret !== "" && named.indexOf(secret) !== -1;
  return new Response(showsSecret ? redact(named.toString("utf8")) : named, {
    status: response.status,
    headers: {
      ...callerHeaders(response.headers, exchange.id),
      "content-type": response.headers.get("content-type") ?? "application/json",
    },
  });
}

/** A reply that is no JSON object, or only the beginning of one, is none. */
function parseBody(buffer: Buffer): JsonObject {
  let cause: unknown;
  try {
    const body = parseJson(buffer.toString("utf8"));
    if (isJsonObject(body)) return body;
  } catch (error) {
    cause = error;
  }
  const message = "The upstream answered with something that is no JSON object.";
  throw new UpstreamFailed({ kind: "bad_gateway", message }, { cause });
}

// Some hosts answer 200 and put the failure into the body. A Responses object may carry an error and be one.
function isErrorBody({ type, error, choices, object }: JsonObject): boolean {
  if (type === "error") return true;
  return isJsonObject(error) && choices === undefined && object !== "response";
}

/** Passes a stream on; a cut becomes the dialect's own error ending, never a clean end. */
export async function relayStream(
  relay: Relay,
  onEnd: OnEnd,
  { keepAliveMs, watchPace }: StreamParts,
): Promise<Response> {
  const { response, exchange, format, reply } = relay;
  const { signal } = exchange;
  const reader = new TappedReader(relay);
  try {
    await reader.begin();
  } catch (error) {
    // Another way may be tried; this one's stream would stay open behind it.
    response.cancel();
    throw error;
  }
  return streamResponse(
    {
      next: () => reader.read(),
      keepAlive: () =>
        reader.isAtBoundary ? format.createStreamEncoder(reply).keepAlive : undefined,
      done: (isComplete) => {
        response.cancel();
        const outcome = isComplete ? reader.outcome : reader.outcomeOfLeaving;
        onEnd(outcome ?? "client_gone", reader.usage, reader.failureKind);
      },
    },
    {
      headers: callerHeaders(response.headers, exchange.id),
      keepAliveMs,
      onPiece: watchPace?.(format.id),
      signal,
    },
  );
}

/** What a read brought: bytes, nothing at the end, or why it failed. */
interface Pulled {
  readonly bytes?: Uint8Array | undefined;
  readonly error?: unknown;
}

function bytesOf({ bytes, error }: Pulled): Uint8Array {
  if (bytes) return bytes;
  if (error !== undefined) throw connectionFailed(error);
  const message = "The upstream closed the stream before it began.";
  throw new UpstreamFailed({ kind: "bad_gateway", message });
}

function outcomeOf({ hasFailed }: StreamTap): Outcome {
  return hasFailed ? "failed" : "completed";
}

/** Reads an upstream stream through its tap, and supplies the ending that the upstream left out. */
class TappedReader {
  readonly #relay: Relay;
  readonly #tap: StreamTap;
  #first: Uint8Array | undefined;
  /** A read that was begun while the stream was held back. */
  #waiting: Promise<Pulled> | undefined;
  /** Known once the last bytes have been read. */
  outcome: Outcome | undefined;
  /** Whether the dialect's own end has been passed on. */
  #isEndPassed = false;

  constructor(relay: Relay) {
    const { format, alias, secret, conceal, choices } = relay;
    this.#relay = relay;
    this.#tap = new StreamTap(format, { alias, secret, conceal, choices });
  }

  get isAtBoundary(): boolean {
    return this.#tap.isAtBoundary;
  }

  /** How a stream ended whose caller has left; undefined where it left before the end. */
  get outcomeOfLeaving(): Outcome | undefined {
    return this.#isEndPassed ? outcomeOf(this.#tap) : undefined;
  }

  get usage(): Usage | undefined {
    return this.#tap.usage;
  }

  /** What the stream said went wrong. */
  get failureKind(): FailureKind | undefined {
    const { failure } = this.#tap;
    return failure && this.#relay.format.decodeStreamFailure(failure).kind;
  }

  /**
   * Waits until an answer has begun, or has been announced for MAX_HOLD_MS. Throws UpstreamFailed when the stream ends
   * before that, or tells of a failure: then a real status is still possible.
   */
  async begin(): Promise<void> {
    const { format, response, exchange } = this.#relay;
    const opening = new StreamOpening(format.id);
    const pieces: Uint8Array[] = [];
    const timer = Promise.withResolvers<undefined>();
    let timeout: ReturnType<typeof setTimeout> | undefined;
    try {
      while (!opening.isDecided) {
        this.#waiting = this.#pull();
        const pulled = await (opening.isEmpty
          ? this.#waiting
          : Promise.race([this.#waiting, timer.promise]));
        if (!pulled) break;
        this.#waiting = undefined;
        const lines = this.#tap.push(bytesOf(pulled));
        pieces.push(lines);
        opening.take(Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength));
        if (!opening.isDecided && !opening.isEmpty) {
          timeout ??= setTimeout(() => timer.resolve(undefined), MAX_HOLD_MS);
        }
      }
    } finally {
      clearTimeout(timeout);
    }
    if (opening.failure) {
      const headers = callerHeaders(response.headers, exchange.id);
      throw new UpstreamFailed(format.decodeStreamFailure(opening.failure), { headers });
    }
    this.#first = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  async #pull(): Promise<Pulled> {
    try {
      return { bytes: await this.#relay.response.read() };
    } catch (error) {
      return { error };
    }
  }

  /** The next bytes; undefined at the end. Never throws. */
  async read(): Promise<Uint8Array | undefined> {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      return first;
    }
    // Whoever asks for more has taken what came before.
    this.#isEndPassed = this.#tap.hasEnded;
    if (this.outcome) return undefined;
    try {
      const chunk = await (this.#waiting
        ? this.#pulled(this.#waiting)
        : this.#relay.response.read());
      return chunk ? this.#tap.push(chunk) : this.#end();
    } catch (error) {
      return this.#end(error);
    }
  }

  async #pulled(waiting: Promise<Pulled>): Promise<Uint8Array | undefined> {
    this.#waiting = undefined;
    const { bytes, error } = await waiting;
    if (error !== undefined) throw error;
    return bytes;
  }

  #end(error?: unknown): Uint8Array {
    const tap = this.#tap;
    const rest = tap.flush();
    // An event without its blank line is never dispatched by a client, and must not swallow one of ours.
    const gap = tap.isAtBoundary ? [] : [BLANK_LINE];
    if (tap.hasEnded) {
      this.outcome = outcomeOf(tap);
      return Buffer.concat([rest, ...gap]);
    }
    this.outcome = "cut";
    return Buffer.concat([rest, ...gap, utf8.encode(this.#cutEnding(error))]);
  }

  #cutEnding(error: unknown): string {
    const { format, reply } = this.#relay;
    const message =
      error === undefined
        ? "The upstream closed the stream before it was finished."
        : connectionFailed(error).failure.message;
    const nextSequence = (this.#tap.lastSequence ?? -1) + 1;
    return format.encodeStreamCut({ kind: "bad_gateway", message }, reply, {
      nextSequence,
    });
  }
}
