// Responses over WebSocket: each `response.create` is a turn, answered as one JSON frame for each event. Turns run one
// after the other; a turn may go on from a response of this very socket. Closing it cancels what is running.

import type { Logger, Socket, SocketHandler } from "#platform";
import { isJsonObject, parseJson, type JsonObject } from "#wire";
import { errorResponse } from "../error-response.ts";
import { InvalidRequest } from "../errors.ts";
import type { Call } from "../http/route.ts";
import { previousId } from "./continued-request.ts";
import { eachEventData, readResponseEvent, type ResponseEvent } from "./response-events.ts";
import { type ResponseKeeper, ResponseStore, type StoredResponse } from "./response-store.ts";
import { prepareTurn, type ResponseTurn } from "./response-turn.ts";

/** Turns that may wait for the one that runs. */
export const MAX_WAITING_TURNS = 8;
/** Responses of one socket that can be gone on from. */
export const MAX_SOCKET_RESPONSES = 16;
/** Their text together, in bytes. */
export const MAX_SOCKET_BYTES = 64 * 1024 * 1024;

/** What sockets are served with. */
export interface ResponsesSocketParts {
  /** Answers one turn as `POST /v1/responses` would. */
  readonly answer: (call: Call) => Promise<Response>;
  /** Answers a turn that only readies the conversation, with a response that says nothing. */
  readonly warmUp: (body: JsonObject) => readonly string[];
  /** Responses that outlive their socket; absent when none do. */
  readonly store?: ResponseKeeper;
  readonly newId: () => string;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** One socket. */
export class ResponsesSocket implements SocketHandler {
  readonly #socket: Socket;
  readonly #call: Call;
  readonly #parts: ResponsesSocketParts;
  readonly #own: ResponseStore;
  readonly #waiting: string[] = [];
  readonly #gone = new AbortController();
  #isBusy = false;
  #isDraining = false;

  constructor(socket: Socket, call: Call, parts: ResponsesSocketParts) {
    this.#socket = socket;
    this.#call = call;
    this.#parts = parts;
    const limits = {
      maxEntries: MAX_SOCKET_RESPONSES,
      maxBytes: MAX_SOCKET_BYTES,
      ttlMs: Infinity,
    };
    this.#own = new ResponseStore(limits, parts);
  }

  message(text: string): void {
    if (this.#waiting.length >= MAX_WAITING_TURNS) {
      this.#socket.close(1008, `more than ${MAX_WAITING_TURNS} turns are waiting`);
      return;
    }
    this.#waiting.push(text);
    if (!this.#isBusy) void this.#run();
  }

  drain(): void {
    this.#isDraining = true;
    if (!this.#isBusy) this.#leave();
  }

  closed(): void {
    this.#waiting.length = 0;
    this.#gone.abort();
  }

  #leave(): void {
    this.#socket.close(1001, "the gateway is stopping");
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      await this.#turn(text);
    }
    this.#isBusy = false;
    if (this.#isDraining) this.#leave();
  }

  /** Never throws: what goes wrong is a frame. */
  async #turn(text: string): Promise<void> {
    const requestId = `req_${this.#parts.newId()}`;
    let asked: JsonObject = {};
    try {
      asked = readCreate(text);
      const { generate, ...body } = asked;
      const previous = await this.#find(previousId(body));
      const turn = prepareTurn(body, previous, { isStored: this.#isKept(body) });
      const isComplete =
        generate === false ? await this.#warmUp(turn) : await this.#answer(turn, requestId);
      if (!isComplete) this.#evict(asked);
    } catch (error) {
      this.#evict(asked);
      const { format } = this.#call;
      await this.#refuse(errorResponse(error, { format, requestId, log: this.#parts.log }));
    }
  }

  async #answer(turn: ResponseTurn, requestId: string): Promise<boolean> {
    const { headers, url } = this.#call.request;
    const body = Buffer.from(JSON.stringify({ ...turn.body, stream: true }));
    const request = new Request(url, { headers, signal: this.#gone.signal });
    const response = await this.#parts.answer({ ...this.#call, request, body, requestId });
    if (!response.ok || !response.body) return this.#refuse(response);
    let end: ResponseEvent["end"];
    let failure: JsonObject = { code: "stream_cut", message: "The answer was cut off." };
    const over = Promise.withResolvers<void>();
    const isGone = () => this.#gone.signal.aborted;
    const read = eachEventData(response.body, async (data) => {
      // The upstream's own end lies behind it. Not to wait for that would be a caller's leaving; only the turn is over.
      if (end) return !isGone();
      const event = readResponseEvent(data, turn.marks);
      // On a socket a turn ends once: with the failed response behind it, or with an error frame.
      if (event.error) failure = event.error;
      else await this.#socket.send(event.data);
      end = event.end;
      if (end) over.resolve();
      return !isGone();
    });
    read.then(over.resolve, over.reject);
    await over.promise;
    if (!end) await this.#sendError(502, failure);
    if (end?.response) await this.#keep(turn.stored(end.response));
    return end?.response !== undefined;
  }

  async #warmUp(turn: ResponseTurn): Promise<boolean> {
    for (const data of this.#parts.warmUp(turn.body)) {
      const event = readResponseEvent(data, turn.marks);
      if (event.end?.response) await this.#keep(turn.stored(event.end.response));
      await this.#socket.send(event.data);
    }
    return true;
  }

  async #refuse(response: Response): Promise<boolean> {
    const { status } = response;
    const body: unknown = await response.json();
    const error = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
    await this.#sendError(status, error);
    return false;
  }

  async #sendError(status: number, { type, code, message, param }: JsonObject): Promise<void> {
    const kind = type ?? "server_error";
    // Over HTTP a code may be null; Open Responses describes a frame that has one, and a message.
    const error = {
      type: kind,
      code: code ?? kind,
      message: message ?? "The request was refused.",
      param: param ?? null,
    };
    await this.#socket.send(JSON.stringify({ type: "error", status, error }));
  }

  async #find(id: string | undefined): Promise<StoredResponse | undefined> {
    if (id === undefined) return undefined;
    const caller = this.#call.caller.id;
    return this.#own.get(caller, id) ?? (await this.#parts.store?.get(caller, id));
  }

  #isKept(body: JsonObject): boolean {
    return this.#parts.store !== undefined && body["store"] !== false;
  }

  async #keep(stored: StoredResponse): Promise<void> {
    const caller = this.#call.caller.id;
    this.#own.put(caller, stored);
    if (stored.response["store"] === true) await this.#parts.store?.put(caller, stored);
  }

  /** What a failed turn went on from is no longer gone on from here, as OpenAI has it. */
  #evict(asked: JsonObject): void {
    const id = previousId(asked);
    if (id !== undefined) this.#own.delete(this.#call.caller.id, id);
  }
}

/** Throws InvalidRequest for what is no `response.create`. */
function readCreate(text: string): JsonObject {
  let message: unknown;
  try {
    message = parseJson(text);
  } catch (cause) {
    throw new InvalidRequest("The message is not JSON.", { code: "invalid_json", cause });
  }
  if (!isJsonObject(message)) throw new InvalidRequest("The message must be a JSON object.");
  const { type, stream: _stream, stream_options: _options, ...body } = message;
  if (type === "response.create") return body;
  const said = JSON.stringify(type ?? null).slice(0, 100);
  throw new InvalidRequest(`type: expected "response.create", got ${said}`, { param: "type" });
}
