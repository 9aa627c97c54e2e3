// What a stored or continued answer needs of a Responses stream: its events one by one, and the Response objects in
// the few that hold one. All other events are passed on as the text they came as.

import { createParser } from "eventsource-parser";
import { isJsonObject, parseJson, type JsonObject } from "#wire";
import type { StoredResponse } from "./response-store.ts";

/** Longest event; one image in base64 fits. */
export const MAX_EVENT_CHARS = 32 * 1024 * 1024;

/** What the caller is told of a response besides what the upstream said. */
export type ResponseMarks = Readonly<JsonObject>;

/** A Response object, as one that can be stored; undefined for anything else. */
export function asResponse(value: unknown): StoredResponse["response"] | undefined {
  if (!isJsonObject(value)) return undefined;
  const { id } = value;
  return typeof id === "string" && id !== "" ? { ...value, id } : undefined;
}

// What a model says cannot match: its quotes are escaped.
const WORTH_READING = /"response"\s*:\s*\{|"type"\s*:\s*"error"/;
const ENDS = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** One event on its way to the caller. */
export interface ResponseEvent {
  readonly data: string;
  /** Set when this event ends the answer: the response, unless it failed. */
  readonly end?: { readonly response?: StoredResponse["response"] };
  /** Set when this event tells of a failure and holds no Response. */
  readonly error?: JsonObject;
}

/** Reads one event's data, with `marks` written into the Response it holds. */
export function readResponseEvent(data: string, marks: ResponseMarks): ResponseEvent {
  if (!WORTH_READING.test(data)) return { data };
  const event = parseJson(data);
  if (!isJsonObject(event) || typeof event["type"] !== "string") return { data };
  const { type } = event;
  const held = asResponse(event["response"]);
  const response = held && { ...held, ...marks };
  const shown = response ? JSON.stringify({ ...event, response }) : data;
  if (type === "error") return { data, error: event };
  if (!ENDS.has(type)) return { data: shown };
  const isKept = response && type !== "response.failed";
  return { data: shown, end: isKept ? { response } : {} };
}

/** Calls `take` with the data of each event, waiting for it; stops early when it says false. */
export async function eachEventData(
  body: ReadableStream<Uint8Array>,
  take: (data: string) => Promise<boolean>,
): Promise<void> {
  const pending: string[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ data }) => pending.push(data),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      parser.feed(done ? "\n\n" : decoder.decode(value, { stream: true }));
      for (const data of pending.splice(0)) {
        if (data !== "[DONE]" && !(await take(data))) return;
      }
      if (done) return;
    }
  } finally {
    await reader.cancel();
  }
}
