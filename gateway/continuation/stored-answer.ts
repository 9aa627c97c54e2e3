// `POST /v1/responses` where the gateway keeps responses: what a request goes on from is written out, and a complete
// answer is kept, unless its caller said `store: false`. A response that is not here may be its upstream's: then the
// request goes on untouched, and whoever does not know it says so.

import { createParser } from "eventsource-parser";
import { isJsonObject, parseJson } from "#wire";
import type { Call } from "../http/route.ts";
import { readBody } from "../pipeline/pipeline.ts";
import { previousId } from "./continued-request.ts";
import { asResponse, MAX_EVENT_CHARS, readResponseEvent } from "./response-events.ts";
import type { ResponseStore } from "./response-store.ts";
import { prepareTurn, type ResponseTurn } from "./response-turn.ts";

/** Answers `call` by `answer`, and keeps what is answered. */
export async function answerStored(
  call: Call,
  store: ResponseStore,
  answer: (call: Call) => Promise<Response>,
): Promise<Response> {
  const asked = readBody(call.body);
  const { id: callerId } = call.caller;
  const id = previousId(asked);
  const isKept = asked["store"] !== false;
  const isForeign = id !== undefined && !store.get(callerId, id);
  if (isForeign || (id === undefined && !isKept)) return answer(call);
  const turn = prepareTurn(asked, (known) => store.get(callerId, known), { isStored: isKept });
  const response = await answer({ ...call, body: Buffer.from(JSON.stringify(turn.body)) });
  const keep: Keep = (value) => {
    if (isKept) store.put(callerId, turn.stored(value));
  };
  if (!response.ok || !response.body) return response;
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  return isStream ? marked(response, response.body, turn, keep) : markedWhole(response, turn, keep);
}

type Keep = (response: Parameters<ResponseTurn["stored"]>[0]) => void;

async function markedWhole(response: Response, turn: ResponseTurn, keep: Keep): Promise<Response> {
  const text = await response.text();
  const body = parseJson(text);
  const held = isJsonObject(body) ? asResponse({ ...body, ...turn.marks }) : undefined;
  if (held && held["status"] !== "failed") keep(held);
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
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ event: name, data }) => {
      const event = readResponseEvent(data, marks);
      if (event.end?.response) keep(event.end.response);
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
    transform(chunk, controller) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      flush(controller);
    },
    flush,
  });
  return new Response(body.pipeThrough(marking), { status, headers });
}
