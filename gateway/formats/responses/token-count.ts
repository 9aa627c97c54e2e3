// The count of a Responses request: `POST /v1/responses/input_tokens`. What only steers the answer is not in it.

import { countedFields, tokensIn, type TokenCount } from "../token-count.ts";

const COUNTED = new Set([
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "reasoning",
  "text",
]);

/** Fields as OpenAI's SDK 7.x types InputTokenCountParams. */
export const tokenCount: TokenCount = {
  encode: (body) => countedFields(body, COUNTED),
  decode: (answer) => tokensIn(answer, "input_tokens"),
};
