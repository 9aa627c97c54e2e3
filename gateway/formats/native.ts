// Our own dialect, for callers who speak the canonical conversation themselves: nothing is translated on their side,
// and the stream holds each event once, as what is new. No upstream speaks it.

import {
  conversationOf,
  NativeRequest,
  type Failure,
  type JsonObject,
  type ReplyEvent,
} from "#wire";
import { InvalidRequest } from "../errors.ts";
import { encodeError as encodeChatError } from "./chat/errors.ts";
import type { CallerFormat, ReplyContext } from "./format.ts";

/** `POST /v1/native/stream`. */
export const native: CallerFormat = {
  id: "native",
  path: "/v1/native/stream",
  isAlwaysStream: true,
  decodeRequest: (body) => conversationOf(readRequest(body)),
  encodeReply: ({ parts, stop, usage }, { id, model }) => ({
    id,
    model,
    parts: JSON.parse(JSON.stringify(parts)),
    stop,
    usage: usage ? { ...usage } : null,
  }),
  createStreamEncoder: (context) => ({
    encode: (event) => `data: ${JSON.stringify(shown(event, context))}\n\n`,
    keepAlive: ": keep-alive\n\n",
  }),
  encodeError: (failure, requestId) => ({
    status: encodeChatError(failure).status,
    body: { error: { ...failureFields(failure), requestId } },
  }),
};

/** Throws InvalidRequest with the path of the first thing that is wrong. */
function readRequest(body: JsonObject): NativeRequest {
  const parsed = NativeRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const param = pathText([...(issue?.path ?? []), ...unknown]);
  const problem = unknown.length > 0 ? "this endpoint has no such field" : issue?.message;
  const code = unknown.length > 0 ? "unknown_parameter" : "invalid_value";
  throw new InvalidRequest(`${param || "body"}: ${problem ?? "invalid"}`, { code, param });
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}

/** An event as its caller sees it: under the names that it asked by. */
function shown(event: ReplyEvent, { id, model }: ReplyContext): object {
  if (event.type === "start") return { ...event, id, model };
  return event.type === "error" ? { type: "error", error: failureFields(event.failure) } : event;
}

function failureFields({ kind, message, code, param }: Failure): JsonObject {
  return {
    kind,
    message,
    ...(code !== undefined && { code }),
    ...(param !== undefined && { param }),
  };
}
