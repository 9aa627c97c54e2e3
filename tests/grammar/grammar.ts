// The lists of grammars: per format of callers a strict checker of what we write, and per format a reader of what
// a client understands. To add a format: a checker and a reader beside these, and an entry here.

import { checkChatBody, checkChatStream } from "./chat.ts";
import { readChatBody, readChatStream } from "./chat-outcome.ts";
import type { Expectation, Violation } from "./findings.ts";
import { readGenerateBody, readGenerateStream } from "./generate-outcome.ts";
import { checkMessagesBody, checkMessagesStream } from "./messages.ts";
import { readMessagesBody, readMessagesStream } from "./messages-outcome.ts";
import type { Outcome } from "./outcome.ts";
import { checkResponsesBody, checkResponsesStream } from "./responses.ts";
import { readResponsesBody, readResponsesStream } from "./responses-outcome.ts";

/** Reader of one format. */
export interface Reader {
  /** What a client understands of a stream, however broken. */
  readStream(stream: string): Outcome;
  /** What a client understands of a whole reply. */
  readBody(body: unknown): Outcome;
}

/** Checker and reader of one format that callers speak. */
export interface Grammar extends Reader {
  /** Every departure of a stream from the grammar; empty when clean. */
  checkStream(stream: string, expectation?: Expectation): Violation[];
  /** Every departure of a whole reply body from the vendor's required fields. */
  checkBody(body: unknown, expectation?: Expectation): Violation[];
}

/** The grammar of every format that callers speak. */
export const grammars = {
  chat: {
    checkStream: checkChatStream,
    checkBody: checkChatBody,
    readStream: readChatStream,
    readBody: readChatBody,
  },
  responses: {
    checkStream: checkResponsesStream,
    checkBody: checkResponsesBody,
    readStream: readResponsesStream,
    readBody: readResponsesBody,
  },
  messages: {
    checkStream: checkMessagesStream,
    checkBody: checkMessagesBody,
    readStream: readMessagesStream,
    readBody: readMessagesBody,
  },
} as const satisfies Record<string, Grammar>;

/** The reader of every format. */
export const readers = {
  ...grammars,
  generate: { readStream: readGenerateStream, readBody: readGenerateBody },
} as const satisfies Record<string, Reader>;
