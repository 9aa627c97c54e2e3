// The Responses API: answers by POST and over a WebSocket, and the responses that the gateway keeps, where it does.

import { UpgradeError, type Logger } from "#platform";
import type { JsonObject } from "#wire";
import type { ResponseStore, StoredResponse } from "../continuation/response-store.ts";
import { ResponsesSocket } from "../continuation/responses-socket.ts";
import { answerStored } from "../continuation/stored-answer.ts";
import { warmUpEvents } from "../continuation/warm-up.ts";
import { GatewayError } from "../errors.ts";
import { formats } from "../formats/index.ts";
import { answer, type PipelineParts } from "../pipeline/pipeline.ts";
import type { Exchanges } from "./exchanges.ts";
import { listInputItems } from "./input-item-list.ts";
import type { Call, Route } from "./route.ts";

const { responses } = formats;

/** What these routes are built from. */
export interface ResponsesParts extends PipelineParts {
  readonly log: Logger;
  /** Absent where responses are not kept. */
  readonly responseStore?: ResponseStore;
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
      answer: (call) => Response.json(find(call, store).response),
    },
    {
      ...place,
      method: "DELETE",
      path: `${path}/:id`,
      answer: (call) => Response.json(remove(call, store)),
    },
    {
      ...place,
      method: "GET",
      path: `${path}/:id/input_items`,
      answer: (call) => {
        const query = new URL(call.request.url).searchParams;
        return Response.json(listInputItems(find(call, store), query));
      },
    },
  ];
}

function openSocket(
  call: Call,
  parts: ResponsesParts,
  answerTurn: (call: Call) => Promise<Response>,
): Response {
  const { request, upgrade } = call;
  const isAsked = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  if (!isAsked) throw new UpgradeRequired("only answers a WebSocket handshake", "websocket");
  if (!parts.hasSockets || !upgrade)
    throw new UpgradeRequired("is off at this gateway", "HTTP/1.1");
  const { newId, nowMs } = parts;
  try {
    return upgrade((socket) => {
      const { responseStore: store, log } = parts;
      const warmUp = (body: JsonObject) => warmUpEvents(body, { newId, nowMs });
      const served = { answer: answerTurn, warmUp, newId, nowMs, log, ...(store && { store }) };
      return new ResponsesSocket(socket, call, served);
    });
  } catch (error) {
    throw error instanceof UpgradeError ? notUpgraded(error) : error;
  }
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

function find({ id = "", caller }: Call, store: ResponseStore | undefined): StoredResponse {
  const stored = store?.get(caller.id, id);
  if (!stored) throw new ResponseNotFound(id, store !== undefined);
  return stored;
}

function remove({ id = "", caller }: Call, store: ResponseStore | undefined): JsonObject {
  if (!store?.delete(caller.id, id)) throw new ResponseNotFound(id, store !== undefined);
  return { id, object: "response", deleted: true };
}
