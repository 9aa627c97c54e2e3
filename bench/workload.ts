// How much is asked and answered: the request shapes every scenario is made of, shared by the mock that
// answers and the bench that checks. Refuses options: figures compare only when everyone sends the same.

import { dialects, MODEL, type DialectId } from "./dialects.ts";
import type { LoadJob } from "./load-job.ts";
import { PIECE_CHARS } from "./marked-text.ts";

/** Deltas of a stream. */
export const STREAM_DELTAS = 200;

/** Bytes of the text of a whole request and of its reply, envelope aside. */
export const TEXT_BYTES = 1_024;

/** Numbered pieces in a whole reply. */
export const REPLY_PIECES = Math.floor(TEXT_BYTES / PIECE_CHARS);

/** Bytes of the text of a large request: a coding agent's, with its files and tool results. */
export const LARGE_TEXT_BYTES = 200 * 1_024;

/** Whole JSON both ways, the same after a large request, or a stream in answer to a short one. */
export type Shape = "json" | "large" | "stream";

const SHORT_PROMPT = "Tell me about the weather in Lisbon.";
const PROMPTS: Readonly<Record<Shape, string>> = {
  json: repeated(TEXT_BYTES),
  large: repeated(LARGE_TEXT_BYTES),
  stream: SHORT_PROMPT,
};

function repeated(bytes: number): string {
  return SHORT_PROMPT.repeat(Math.floor(bytes / SHORT_PROMPT.length));
}

/** The request of a client of `client` for `model`, and what must come back. */
export function requestOf(
  shape: Shape,
  client: DialectId,
  { model = MODEL, key }: { model?: string; key?: string | undefined } = {},
): Pick<LoadJob, "path" | "headers" | "body" | "expect"> {
  const dialect = dialects[client];
  const isStream = shape === "stream";
  const { endOfText, terminator } = dialect;
  return {
    path: dialect.path,
    headers: {
      "content-type": "application/json",
      accept: isStream ? "text/event-stream" : "application/json",
      "user-agent": "parley-bench",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...dialect.headers,
    },
    body: JSON.stringify(dialect.request(model, PROMPTS[shape], isStream)),
    expect: isStream ? { pieces: STREAM_DELTAS, endOfText, terminator } : { pieces: REPLY_PIECES },
  };
}
