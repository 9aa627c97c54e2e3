// The list of stream grammars: per format a strict checker of what we write and a reader of what a
// client understands. To add a format: a checker and a reader beside these, and an entry here.

import { checkChatBody, checkChatStream } from "./chat.ts";
import { readChatBody, readChatStream } from "./chat-outcome.ts";
import type { Expectation, Violation } from "./findings.ts";
import { checkMessagesBody, checkMessagesStream } from "./messages.ts";
import { readMessagesBody, readMessagesStream } from "./messages-outcome.ts";
import type { Outcome } from "./outcome.ts";
import { checkResponsesBody, checkResponsesStream } from "./responses.ts";
import { readResponsesBody, readResponsesStream } from "./responses-outcome.ts";

/** Checker and reader of one format. */
export interface Grammar {
  /** Every departure of a stream from the grammar; empty when clean. */
  checkStream(stream: string, expectation?: Expectation): Violation[];
  /** Every departure of a whole reply body from the vendor's required fields. */
  checkBody(body: unknown, expectation?: Expectation): Violation[];
  /** What a client understands of a stream, however broken. */
  readStream(stream: string): Outcome;
  /** What a client understands of a whole reply. */
  readBody(body: unknown): Outcome;
}

/** Every format's grammar. */
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
