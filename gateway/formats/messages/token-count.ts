// The count of a Messages request: `POST /v1/messages/count_tokens`. What only steers the answer is not in it.

import { countedFields, tokensIn, type TokenCount } from "../token-count.ts";

const COUNTED = new Set([
  "model",
  "messages",
  "system",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
]);

/** Fields as Anthropic's SDK 1.x types MessageCountTokensParams. */
export const tokenCount: TokenCount = {
  encode: (body) => countedFields(body, COUNTED),
  decode: (answer) => tokensIn(answer, "input_tokens"),
};
