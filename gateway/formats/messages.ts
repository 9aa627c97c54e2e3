// The Anthropic Messages dialect as one object. Everything it does is in messages/, one noun per file;
// this file only names which function answers which question of the Format contract.

import type { Format } from "./format.ts";
import { decodeError, encodeError } from "./messages/errors.ts";
import { dropCarriers } from "./messages/opaque-state.ts";
import { decodeReply } from "./messages/reply-decoder.ts";
import { encodeReply } from "./messages/reply-encoder.ts";
import { decodeRequest } from "./messages/request-decoder.ts";
import { encodeRequest } from "./messages/request-encoder.ts";
import { createStreamDecoder } from "./messages/stream-decoder.ts";
import { createStreamEncoder, encodeStreamError } from "./messages/stream-encoder.ts";
import { tokenCount } from "./messages/token-count.ts";
import { readUsage } from "./messages/usage.ts";

/** Anthropic Messages: `POST /v1/messages`. */
export const messages: Format = {
  id: "messages",
  path: "/v1/messages",
  decodeRequest,
  encodeRequest,
  decodeReply,
  encodeReply,
  createStreamDecoder,
  createStreamEncoder,
  decodeError,
  encodeError,
  readUsage,
  encodeStreamCut: encodeStreamError,
  decodeStreamFailure: (event) => decodeError(0, event),
  dropCarriers,
  tokenCount,
};
