// Gemini's generateContent as one object. Everything it does is in generate/, one noun per file; this file only
// names which function answers which question of the UpstreamFormat contract. No caller speaks it.

import type { UpstreamFormat } from "./format.ts";
import { decodeError } from "./generate/errors.ts";
import { decodeReply } from "./generate/reply-decoder.ts";
import { encodeRequest } from "./generate/request-encoder.ts";
import { createStreamDecoder } from "./generate/stream-decoder.ts";
import { tokenCount } from "./generate/token-count.ts";

/** Gemini generateContent: `POST /v1beta/models/MODEL:generateContent`. */
export const generate: UpstreamFormat = {
  id: "generate",
  encodeRequest,
  decodeReply,
  createStreamDecoder,
  decodeError,
  tokenCount,
};
