// `POST /v1/responses` where the gateway keeps responses: what a request goes on from is written out, and a complete
// answer is kept, unless its caller said `store: false`. A response that is not here may be its upstream's: then the
// request goes on untouched, and whoever does not know it says so.

import { createParser } from "eventsource-parser";
import { isJsonObject, parseJson } from "#wire";
import type { Call } from "../http/route.ts";
import { readBody } from "../pipeline/pipeline.ts";
import { previousId } from "./continued-request.ts";
import { asResponse, MAX_EVENT_CHARS, readResponseEvent } from "./response-events.ts";
import type { ResponseKeeper } from "./response-store.ts";
import { prepareTurn, type ResponseTurn } from "./response-turn.ts";

/** Answers `call` by `answer`, and keeps what is answered. */
export async function answerStored(
  call: Call,
  store: ResponseKeeper,
  answer: (call: Call) => Promise<Response>,
): Promise<Response> {
  const asked = readBody(call.body);
  const { id: callerId } = call.caller;
  const id = previousId(asked);
  const isKept = asked["store"] !== false;
  const previous = id === undefined ? undefined : await store.get(callerId, id);
  const isForeign = id !== undefined && !previous;
  if (isForeign || (id === undefined && !isKept)) return answer(call);
  const turn = prepareTurn(asked, previous, { isStored: isKept });
  const response = await answer({ ...call, body: Buffer.from(JSON.stringify(turn.body)) });
  const keep: Keep = async (value) => {
    if (isKept) await store.put(callerId, turn.stored(value));
  };
  if (!response.ok || !response.body) return response;
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  return isStream ? marked(response, response.body, turn, keep) : markedWhole(response, turn, keep);
}

// Awaited before the caller sees the end: its next request may ask for what is kept here.
type Keep = (response: Parameters<ResponseTurn["stored"]>[0]) => Promise<void>;

async function markedWhole(response: Response, turn: ResponseTurn, keep: Keep): Promise<Response> {
  const text = await response.text();
  const body = parseJson(text);
  const held = isJsonObject(body) ? asResponse({ ...body, ...turn.marks }) : undefined;
  if (held && held["status"] !== "failed") await keep(held);
  const { status, headers } = response;
  headers.delete("content-length");
  return new Response(held ? JSON.stringify(held) : text, { status, headers });
}

function marked(
  { status, headers }: Response,
  body: ReadableStream<Uint8Array>,
  { marks }: ResponseTurn,
  keep: Keep,
): Response {
  const decoder = new TextDecoder();
  const out: string[] = [];
  const kept: Promise<void>[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ event: name, data }) => {
      const event = readResponseEvent(data, marks);
      if (event.end?.response) kept.push(keep(event.end.response));
      out.push(name === undefined ? "" : `event: ${name}\n`, `data: ${event.data}\n\n`);
    },
    onComment: (comment) => out.push(`:${comment}\n\n`),
  });
  const encoder = new TextEncoder();
  const flush = (controller: TransformStreamDefaultController<Uint8Array>) => {
    const text = out.splice(0).join("");
    if (text !== "") controller.enqueue(encoder.encode(text));
  };
  const marking = new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      if (kept.length > 0) await Promise.all(kept.splice(0));
      flush(controller);
    },
    flush,
  });
  return new Response(body.pipeThrough(marking), { status, headers });
}
