// OpenAI Chat Completions: requests, replies, streams and errors of the dialect that most hosts speak,
// each a little differently. Refuses nothing here; the pieces under chat/ do.

import type { Format } from "./format.ts";
import { decodeError, decodeStreamError, encodeError, encodeStreamError } from "./chat/errors.ts";
import { dropCarriers } from "./chat/reasoning-details.ts";
import { decodeReply, encodeReply } from "./chat/reply.ts";
import { decodeRequest } from "./chat/request-decoder.ts";
import { encodeRequest } from "./chat/request-encoder.ts";
import { ChatStreamDecoder } from "./chat/stream-decoder.ts";
import { ChatStreamEncoder } from "./chat/stream-encoder.ts";
import { readUsage } from "./chat/usage.ts";

/** The Chat Completions format, for callers and for upstreams. */
export const chat: Format = {
  id: "chat",
  path: "/v1/chat/completions",
  decodeRequest,
  encodeRequest,
  decodeReply,
  encodeReply,
  createStreamDecoder: (emit, context) => new ChatStreamDecoder(emit, context),
  createStreamEncoder: (context) => new ChatStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage,
  encodeStreamCut: encodeStreamError,
  decodeStreamFailure: decodeStreamError,
  dropCarriers,
};
