// The translate lane: caller and upstream speak different dialects, and everything crosses through the
// canonical conversation. What cannot cross is refused with its JSON path or named in x-parley-lossy.

import { redact, type OutboundResponse } from "#platform";
import {
  isJsonObject,
  parseJson,
  type ConversationRequest,
  type Json,
  type JsonObject,
  type ReplyPart,
} from "#wire";
import { InvalidRequest, UpstreamFailed } from "../errors.ts";
import type { CallerFormat, Quirks, ReplyContext, UpstreamFormat } from "../formats/format.ts";
import { Losses, LOSSY_HEADER, SEALED_ELSEWHERE } from "../formats/losses.ts";
import type { CatalogModel } from "../models/catalog.ts";
import { withStandIn } from "../providers/model-stand-in.ts";
import { callerHeaders } from "./crossing-headers.ts";
import { connectionFailed } from "./dispatch.ts";
import { rateLimitsFor } from "./rate-limit-headers.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import type { OnEnd } from "./same-format.ts";
import { MAX_HOLD_MS } from "./stream-opening.ts";
import { type StreamOptions, streamResponse, type StreamParts } from "./stream-response.ts";
import { createStreamTranslation, type StreamTranslation } from "./stream-translation.ts";
import { adaptTools, type AdaptedTools } from "./tool-adaptation.ts";
import { checkToolPairs } from "./turn-order.ts";
import { ESTIMATED, USAGE_HEADER, withUsage } from "./usage-estimate.ts";

/** A request ready for an upstream of another dialect. */
export interface Translation {
  readonly request: ConversationRequest;
  readonly body: string;
  readonly tools: AdaptedTools;
  readonly losses: Losses;
}

/** A request of which something would be lost, from a caller who wants that refused. */
export class LossRefused extends InvalidRequest {
  constructor(losses: Losses) {
    const [first] = losses.all;
    const lost = losses.all.map(([field, reason]) => `${field} (${reason})`).join(", ");
    const message = `This request may lose nothing on its way, and would lose ${lost}. Leave that out, ask for a model that takes it, or use a key that is not strict.`;
    super(message, { code: "lossy_translation", param: first?.[0] });
  }
}

/** How a request is translated. */
interface TranslateOptions {
  readonly target: CatalogModel;
  readonly hostedTools: "drop" | "reject";
  /** Whether it is refused when anything of it would be lost. */
  readonly isStrict: boolean;
  /** Whether it goes without any reasoning, because the account cannot read it. */
  readonly isUnsealed?: boolean | undefined;
  /** Puts back what the caller's dialect makes callers forget. */
  readonly restore?:
    | ((request: ConversationRequest) => ConversationRequest | Promise<ConversationRequest>)
    | undefined;
}

/** Decodes, fits and encodes a request. Rejects with InvalidRequest naming the path of what cannot cross. */
export async function translateRequest(
  body: JsonObject,
  from: CallerFormat,
  to: UpstreamFormat,
  { target, hostedTools, isStrict, isUnsealed, restore }: TranslateOptions,
): Promise<Translation> {
  const losses = new Losses();
  const decoded = from.decodeRequest(body, { losses });
  const request = restore ? await restore(decoded) : decoded;
  checkToolPairs(request);
  const { provider, model } = target;
  const { quirks } = provider;
  const tools = adaptTools(request, { format: to.id, quirks }, { hostedTools, losses });
  const encoded = to.encodeRequest(tools.request, {
    provider: provider.id,
    model: model.id,
    ...(model.maxOutputTokens !== undefined && { maxOutputTokens: model.maxOutputTokens }),
    quirks,
    losses,
  });
  if (isUnsealed && to.dropReasoning?.(encoded)) losses.add("reasoning", SEALED_ELSEWHERE);
  if (isStrict && !losses.isEmpty) throw new LossRefused(losses);
  const sent = withStandIn(encoded, provider.modelStandIn?.[to.id]);
  return { request, body: JSON.stringify(sent), tools, losses };
}

interface Answer {
  readonly response: OutboundResponse;
  readonly exchange: Exchange;
  readonly from: UpstreamFormat;
  readonly provider: string;
  readonly quirks: Quirks;
  readonly translation: Translation;
  readonly reply: ReplyContext;
  /** The credential of the call; never shown to the caller. */
  readonly secret: string;
  /** Takes out of a failure what no caller may see. */
  readonly conceal: (text: string) => string;
  /** Told the parts of a whole answer, where its caller will forget some. */
  readonly onParts?: ((parts: readonly ReplyPart[]) => void) | undefined;
}

function headersOf({ response, exchange, translation, reply }: Answer): Record<string, string> {
  const lost = [translation.losses.toString(), reply.losses.toString()].filter(
    (text) => text !== "",
  );
  const nowMs = (reply.nowSeconds?.() ?? reply.createdSeconds) * 1_000;
  return {
    ...rateLimitsFor(exchange.format.id, callerHeaders(response.headers, exchange.id), nowMs),
    ...(lost.length > 0 && { [LOSSY_HEADER]: lost.join(", ") }),
  };
}

/** Translates a whole reply. Throws UpstreamFailed when the upstream's is none. */
export async function translateReply(answer: Answer, onEnd: OnEnd): Promise<Response> {
  const { response, exchange, from, provider, translation, reply: context } = answer;
  const decoded = from.decodeReply(await readWhole(response), {
    provider,
    quirks: answer.quirks,
    losses: context.losses,
    newId: context.newId,
  });
  const reply = withUsage(translation.tools.restoreReply(decoded), translation.body.length);
  const body = exchange.format.encodeReply(reply, context);
  answer.onParts?.(reply.parts);
  const { usage } = reply;
  onEnd("completed", usage);
  const headers = {
    ...headersOf(answer),
    ...(usage.isEstimated && { [USAGE_HEADER]: ESTIMATED }),
  };
  const text = JSON.stringify(body);
  const showsSecret = answer.secret !== "" && text.includes(answer.secret);
  return new Response(showsSecret ? redact(text) : text, {
    headers: { ...headers, "content-type": "application/json" },
  });
}

async function readWhole(response: OutboundResponse): Promise<Json> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await response.bytes());
  } catch (error) {
    throw connectionFailed(error);
  }
  try {
    const json = parseJson(text);
    // A Gemini stream that is not asked for as SSE is a list.
    if (isJsonObject(json) || Array.isArray(json)) return json;
  } catch (cause) {
    throw notJson(cause);
  }
  throw notJson(undefined);
}

function notJson(cause: unknown): UpstreamFailed {
  const message = "The upstream answered with something that is no JSON object.";
  return new UpstreamFailed({ kind: "bad_gateway", message }, { cause });
}

/** Translates a stream. A failure before any content is thrown, so that it becomes a real status. */
export async function translateStream(
  answer: Answer,
  onEnd: OnEnd,
  { keepAliveMs, watchPace }: StreamParts,
): Promise<Response> {
  const { response, exchange, from, provider, translation, reply } = answer;
  const { format } = exchange;
  const stream = createStreamTranslation({
    from,
    to: format,
    upstream: { provider, quirks: answer.quirks, losses: reply.losses, newId: reply.newId },
    reply,
    restore: translation.tools.restoreEvents,
    inputChars: translation.body.length,
    secret: answer.secret,
    conceal: answer.conceal,
    onParts: answer.onParts,
  });
  const reader = new TranslatedReader(response, stream);
  const held = await reader.hold();
  if (stream.failure && !stream.hasBegun) {
    response.cancel();
    throw new UpstreamFailed(stream.failure, {
      headers: callerHeaders(response.headers, exchange.id),
    });
  }
  const options = {
    headers: headersOf(answer),
    keepAliveMs,
    onPiece: watchPace?.(format.id),
    signal: exchange.signal,
  };
  return send({ response, stream, reader, held, onEnd }, options);
}

/** What a translated stream is sent from; nothing of the request, which may weigh megabytes for as long as it runs. */
interface Sending {
  readonly response: OutboundResponse;
  readonly stream: StreamTranslation;
  readonly reader: TranslatedReader;
  readonly held: string;
  readonly onEnd: OnEnd;
}

function send(
  { response, stream, reader, held, onEnd }: Sending,
  options: StreamOptions,
): Response {
  let first: string | undefined = held;
  return streamResponse(
    {
      next: async () => {
        if (first === undefined) return reader.read();
        const text = first;
        first = undefined;
        return text;
      },
      keepAlive: () => stream.keepAlive,
      done: (isComplete) => {
        response.cancel();
        const outcome = outcomeOf(stream, { isComplete, isCut: reader.isCut });
        onEnd(outcome, stream.usage, stream.failure?.kind);
      },
    },
    options,
  );
}

function outcomeOf(
  stream: StreamTranslation,
  { isComplete, isCut }: { isComplete: boolean; isCut: boolean },
): Outcome {
  if (!stream.isOver || !isComplete) return "client_gone";
  if (isCut) return "cut";
  return stream.failure ? "failed" : "completed";
}

/** Pulls translated text out of a response, first held back, then read by read. */
class TranslatedReader {
  readonly #response: OutboundResponse;
  readonly #stream: StreamTranslation;
  #waiting: Promise<string | undefined> | undefined;
  /** True once the connection ended before the answer did. */
  isCut = false;

  constructor(response: OutboundResponse, stream: StreamTranslation) {
    this.#response = response;
    this.#stream = stream;
  }

  /** Reads until there is content, an end, or MAX_HOLD_MS have passed since the first bytes. */
  async hold(): Promise<string> {
    let text = (await this.read()) ?? "";
    const timer = Promise.withResolvers<undefined>();
    const timeout = setTimeout(() => timer.resolve(undefined), MAX_HOLD_MS);
    while (!this.#stream.hasBegun && !this.#stream.isOver) {
      this.#waiting = this.#next();
      const more = await Promise.race([this.#waiting, timer.promise]);
      if (more === undefined) break;
      this.#waiting = undefined;
      text += more;
    }
    clearTimeout(timeout);
    return text;
  }

  /** The next text; undefined at the end. Never throws: a broken connection reads as an error event. */
  read(): Promise<string | undefined> {
    const waiting = this.#waiting;
    if (!waiting) return this.#next();
    this.#waiting = undefined;
    return waiting;
  }

  async #next(): Promise<string | undefined> {
    if (this.#stream.isOver) return undefined;
    try {
      const bytes = await this.#response.read();
      if (bytes) return this.#stream.push(bytes);
      const ending = this.#stream.end();
      this.isCut = this.#stream.failure !== undefined;
      return ending;
    } catch (error) {
      this.isCut = true;
      const { failure } = connectionFailed(error);
      return this.#stream.fail(failure);
    }
  }
}
