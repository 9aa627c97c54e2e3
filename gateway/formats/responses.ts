// OpenAI Responses as a wire format. The parts live beside this file in responses/, by noun; nothing there
// knows another dialect.

import type { Format } from "./format.ts";
import { dropCarriers, dropReasoning } from "./responses/carriers.ts";
import { decodeError, decodeStreamFailure, encodeError } from "./responses/errors.ts";
import { decodeReply } from "./responses/reply-decoder.ts";
import { encodeReply } from "./responses/reply-encoder.ts";
import { decodeRequest } from "./responses/request-decoder.ts";
import { encodeRequest } from "./responses/request-encoder.ts";
import { createStreamDecoder } from "./responses/stream-decoder.ts";
import { createStreamEncoder, encodeStreamCut } from "./responses/stream-encoder.ts";
import { tokenCount } from "./responses/token-count.ts";
import { usageIn } from "./responses/usage.ts";

/** The Responses API, stateless: `store` is never honoured and nothing can be referred to by id. */
export const responses: Format = {
  id: "responses",
  path: "/v1/responses",
  decodeRequest,
  encodeRequest,
  decodeReply,
  encodeReply,
  createStreamDecoder,
  createStreamEncoder,
  decodeError,
  encodeError,
  readUsage: usageIn,
  encodeStreamCut,
  decodeStreamFailure,
  dropCarriers,
  dropReasoning,
  tokenCount,
};
