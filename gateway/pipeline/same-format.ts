// The same-format lane: caller and upstream speak one dialect, so bytes go through as they are, both ways.
// Only the model's name and the credential change; unknown fields, key order and spacing survive.

import type { OutboundResponse } from "#platform";
import { isJsonObject, parseJson, type Usage } from "#wire";
import type { Format, ReplyContext } from "../formats/format.ts";
import { callerHeaders } from "./crossing-headers.ts";
import { connectionFailed } from "./dispatch.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import { streamResponse } from "./stream-response.ts";
import { ModelAlias, StreamTap } from "./stream-tap.ts";

/** Where the values stand that the gateway reads from a body; byte offsets. */
export interface BodyFields {
  readonly model: { readonly start: number; readonly end: number };
}

const CARRIER = Buffer.from('"gw1.');
const utf8 = new TextEncoder();

/** The body for the upstream: the caller's bytes, with the model's name and foreign carriers replaced. */
export function sameFormatBody(
  bytes: Uint8Array,
  fields: BodyFields,
  { asked, sent, format }: { asked: string; sent: string; format: Format },
): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const renamed =
    asked === sent
      ? buffer
      : Buffer.concat([
          buffer.subarray(0, fields.model.start),
          Buffer.from(JSON.stringify(sent)),
          buffer.subarray(fields.model.end),
        ]);
  if (renamed.indexOf(CARRIER) === -1) return renamed;
  // State of another provider, replayed after the conversation moved here: no provider understands it.
  const body = parseJson(renamed.toString("utf8"));
  if (!isJsonObject(body) || !format.dropCarriers(body)) return renamed;
  return utf8.encode(JSON.stringify(body));
}

/** Called when the last byte is out. */
export type OnEnd = (outcome: Outcome, usage: Usage | undefined) => void;

interface Relay {
  readonly response: OutboundResponse;
  readonly exchange: Exchange;
  /** Model as asked and as sent: the caller sees its own name again. */
  readonly alias: { readonly asked: string; readonly sent: string };
  readonly reply: ReplyContext;
}

/** Passes a whole reply on. Throws UpstreamFailed when the connection breaks before its end. */
export async function relayReply(
  { response, exchange, alias }: Relay,
  onEnd: OnEnd,
): Promise<Response> {
  let bytes: Uint8Array;
  try {
    bytes = await response.bytes();
  } catch (error) {
    throw connectionFailed(error);
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  onEnd("completed", readReplyUsage(buffer, exchange.format));
  const shown = alias.asked === alias.sent ? buffer : new ModelAlias(alias).replace(buffer);
  return new Response(shown, {
    status: response.status,
    headers: {
      ...callerHeaders(response.headers, exchange.id),
      "content-type": response.headers.get("content-type") ?? "application/json",
    },
  });
}

function readReplyUsage(buffer: Buffer, format: Format): Usage | undefined {
  try {
    const body = parseJson(buffer.toString("utf8"));
    return isJsonObject(body) ? format.readUsage(body, undefined) : undefined;
  } catch {
    // An upstream's odd JSON is the caller's to see; it only goes unmetered.
    return undefined;
  }
}

/** Passes a stream on; a cut becomes the dialect's own error ending, never a clean end. */
export async function relayStream(
  { response, exchange, alias, reply }: Relay,
  onEnd: OnEnd,
  { keepAliveMs }: { keepAliveMs: number },
): Promise<Response> {
  const { format } = exchange;
  const tap = new StreamTap(format, alias);
  let first: Uint8Array | undefined;
  try {
    first = await response.read();
  } catch (error) {
    throw connectionFailed(error);
  }
  let pending = first && tap.push(first);
  let outcome: Outcome | undefined;

  const ending = (error?: unknown): Uint8Array | undefined => {
    const rest = tap.flush();
    outcome = tap.hasFailed ? "failed" : "completed";
    if (error === undefined && tap.hasEnded) return rest.length > 0 ? rest : undefined;
    outcome = "cut";
    const { failure } = connectionFailed(error);
    const message =
      error === undefined
        ? "The upstream closed the stream before it was finished."
        : failure.message;
    const text = format.encodeStreamCut({ ...failure, kind: "bad_gateway", message }, reply, {
      nextSequence: (tap.lastSequence ?? -1) + 1,
    });
    // An event that was cut in the middle must not swallow ours.
    return Buffer.concat([rest, utf8.encode(tap.isAtBoundary ? text : `\n\n${text}`)]);
  };

  const next = async (): Promise<Uint8Array | undefined> => {
    if (pending) {
      const bytes = pending;
      pending = undefined;
      return bytes;
    }
    if (outcome) return undefined;
    try {
      const chunk = await response.read();
      return chunk ? tap.push(chunk) : ending();
    } catch (error) {
      return ending(error);
    }
  };

  return streamResponse(
    {
      next,
      keepAlive: () => (tap.isAtBoundary ? format.createStreamEncoder(reply).keepAlive : undefined),
      done: (isComplete) => {
        response.cancel();
        onEnd(isComplete && outcome ? outcome : "client_gone", tap.usage);
      },
    },
    {
      headers: callerHeaders(response.headers, exchange.id),
      keepAliveMs,
      signal: exchange.signal,
    },
  );
}
