// The Responses API: answers by POST and over a WebSocket, and the responses that the gateway keeps, where it does.

import { type Logger, type SocketHandler, UpgradeError } from "#platform";
import type { JsonObject } from "#wire";
import type { ResponseKeeper, StoredResponse } from "../continuation/response-store.ts";
import { ResponsesSocket } from "../continuation/responses-socket.ts";
import { answerStored } from "../continuation/stored-answer.ts";
import { warmUpEvents } from "../continuation/warm-up.ts";
import { GatewayError } from "../errors.ts";
import { formats } from "../formats/index.ts";
import { answer, type PipelineParts } from "../pipeline/pipeline.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Places } from "./in-flight.ts";
import { listInputItems } from "./input-item-list.ts";
import type { Call, Route } from "./route.ts";

const { responses } = formats;

/** What these routes are built from. */
export interface ResponsesParts extends PipelineParts {
  readonly log: Logger;
  /** Absent where responses are not kept. */
  readonly responseStore?: ResponseKeeper;
  /** Places of sockets, where they are shared with other processes; else the server's own limit holds. */
  readonly socketPlaces?: Places;
  readonly hasSockets: boolean;
}

/** `/v1/responses` and what is below it. */
export function responsesRoutes(parts: ResponsesParts, exchanges: Exchanges): readonly Route[] {
  const { responseStore: store } = parts;
  const { path } = responses;
  const plain = (call: Call) =>
    exchanges.serve(call, { format: responses }, (exchange) => answer(call.body, exchange, parts));
  const place = { format: responses } as const;
  return [
    {
      ...place,
      method: "POST",
      path,
      answer: store ? (call) => answerStored(call, store, plain) : plain,
    },
    { ...place, method: "GET", path, answer: (call) => openSocket(call, parts, plain) },
    {
      ...place,
      method: "GET",
      path: `${path}/:id`,
      answer: async (call) => Response.json((await find(call, store)).response),
    },
    {
      ...place,
      method: "DELETE",
      path: `${path}/:id`,
      answer: async (call) => Response.json(await remove(call, store)),
    },
    {
      ...place,
      method: "GET",
      path: `${path}/:id/input_items`,
      answer: async (call) => {
        const query = new URL(call.request.url).searchParams;
        return Response.json(listInputItems(await find(call, store), query));
      },
    },
  ];
}

async function openSocket(
  call: Call,
  parts: ResponsesParts,
  answerTurn: (call: Call) => Promise<Response>,
): Promise<Response> {
  const { request, upgrade } = call;
  const isAsked = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  if (!isAsked) throw new UpgradeRequired("only answers a WebSocket handshake", "websocket");
  if (!parts.hasSockets || !upgrade)
    throw new UpgradeRequired("is off at this gateway", "HTTP/1.1");
  const { newId, nowMs } = parts;
  const leave = await parts.socketPlaces?.enter();
  try {
    return upgrade((socket) => {
      const { responseStore: store, log } = parts;
      const warmUp = (body: JsonObject) => warmUpEvents(body, { newId, nowMs });
      const served = { answer: answerTurn, warmUp, newId, nowMs, log, ...(store && { store }) };
      const handler = new ResponsesSocket(socket, call, served);
      return leave ? leaving(handler, leave) : handler;
    });
  } catch (error) {
    leave?.();
    throw error instanceof UpgradeError ? notUpgraded(error) : error;
  }
}

/** The same, giving its place back at its end. */
function leaving(handler: SocketHandler, leave: () => void): SocketHandler {
  return {
    message: (text) => handler.message(text),
    drain: () => handler.drain(),
    closed: () => {
      leave();
      handler.closed();
    },
  };
}

/** Codex takes a 426, and nothing else, for a reason to use POST at once and without a word to its user. */
class UpgradeRequired extends GatewayError {
  constructor(what: string, upgrade: string) {
    const message = `GET ${responses.path} ${what}; send POST ${responses.path}.`;
    const failure = { kind: "bad_request", message, code: "websocket_off", status: 426 } as const;
    super(failure, { headers: { upgrade } });
  }
}

function notUpgraded(cause: UpgradeError): GatewayError {
  const message = `The socket was not opened: ${cause.message}.`;
  const isFull = cause.code === "sockets_full";
  const kind = isFull ? "overloaded" : "bad_request";
  const headers: Record<string, string> = isFull ? { "retry-after": "1" } : {};
  return new GatewayError({ kind, message, code: cause.code }, { cause, headers });
}

/** The response is not here, for this caller. */
class ResponseNotFound extends GatewayError {
  constructor(id: string, isKeeping: boolean) {
    const why = isKeeping
      ? "it was not stored, has expired, or another key made it"
      : "this gateway stores none; its operator can turn on gateway.responseStore";
    const message = `Response with id '${id}' not found: ${why}.`;
    super({ kind: "not_found", message, code: "response_not_found" });
  }
}

type MaybeKeeper = ResponseKeeper | undefined;

async function find({ id = "", caller }: Call, store: MaybeKeeper): Promise<StoredResponse> {
  const stored = await store?.get(caller.id, id);
  if (!stored) throw new ResponseNotFound(id, store !== undefined);
  return stored;
}

async function remove({ id = "", caller }: Call, store: MaybeKeeper): Promise<JsonObject> {
  if (!(await store?.delete(caller.id, id))) throw new ResponseNotFound(id, store !== undefined);
  return { id, object: "response", deleted: true };
}
