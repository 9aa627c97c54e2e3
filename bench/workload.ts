// How much is asked and answered: the request shapes every scenario is made of, shared by the mock that
// answers and the bench that checks. Refuses options: figures compare only when everyone sends the same.

import { dialects, type DialectId } from "./dialects.ts";
import type { RequestOf } from "./load-job.ts";
import { PIECE_CHARS } from "./marked-text.ts";
import { planWords, type Plan } from "./plan.ts";
import type { Pair } from "./pair.ts";
import type { Target } from "./target.ts";

/** Deltas of a burst. */
export const STREAM_DELTAS = 200;

/** Bytes of the text of a whole request and of its reply, envelope aside. */
export const TEXT_BYTES = 1_024;

/** Numbered pieces in a whole reply. */
export const REPLY_PIECES = Math.floor(TEXT_BYTES / PIECE_CHARS);

/** Bytes of the text of a large request: a coding agent's, with its files and tool results. */
export const LARGE_TEXT_BYTES = 200 * 1_024;

const SHORT_TEXT_BYTES = 40;
const SENTENCE = "Tell me about the weather in Lisbon. ";

/** One shape of request and answer. */
export interface Workload {
  readonly promptBytes: number;
  readonly isStream: boolean;
  readonly plan: Plan;
}

const wholeReply: Plan = { kind: "burst", deltas: REPLY_PIECES };

/** Whole JSON, 1 KiB both ways. */
export const jsonSmall: Workload = {
  promptBytes: TEXT_BYTES,
  isStream: false,
  plan: wholeReply,
};

/** Whole JSON, 200 KiB to the model and 1 KiB back. */
export const jsonLarge: Workload = {
  promptBytes: LARGE_TEXT_BYTES,
  isStream: false,
  plan: wholeReply,
};

/** A stream that answers a short prompt as `plan` says. */
export function streamed(plan: Plan): Workload {
  return { promptBytes: SHORT_TEXT_BYTES, isStream: true, plan };
}

/** Deltas of one answer; 0 where they are not counted. */
export function deltasOf({ plan }: Workload): number {
  return "deltas" in plan ? plan.deltas : 0;
}

/** The request for `workload` through one pair of formats of `target`, and what must come back. */
export function requestOf(
  { promptBytes, isStream, plan }: Workload,
  target: Target,
  { client, upstream }: Pair,
): RequestOf {
  const dialect = dialects[client];
  const { endOfText, terminator } = dialect;
  const pieces = "deltas" in plan ? plan.deltas : 0;
  return {
    url: target.url,
    path: dialect.path,
    headers: {
      "content-type": "application/json",
      accept: isStream ? "text/event-stream" : "application/json",
      "user-agent": "parley-bench",
      ...(target.key !== undefined && { authorization: `Bearer ${target.key}` }),
      ...dialect.headers,
      ...target.headersOf?.(upstream),
    },
    body: bodyOf(client, target.modelOf(upstream), { promptBytes, isStream, plan }),
    expect: isStream ? { pieces, endOfText, terminator } : { pieces },
  };
}

function bodyOf(client: DialectId, model: string, workload: Workload): string {
  const { promptBytes, isStream, plan } = workload;
  const prompt = `${planWords(plan)} ${SENTENCE.repeat(Math.ceil(promptBytes / SENTENCE.length))}`;
  return JSON.stringify(dialects[client].request(model, prompt.trimEnd(), isStream));
}
