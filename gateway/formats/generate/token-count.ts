// The count of a Gemini request: `POST …/models/MODEL:countTokens`. Gemini's API counts instructions and tools only
// within the request that would be sent; Vertex AI only beside `contents`.

import { countedFields, tokensIn, type TokenCount } from "../token-count.ts";

const COUNTED_BARE = new Set(["systemInstruction", "contents", "tools", "generationConfig"]);

/** Both shapes as recorded traffic shows them; the model stands in the enclosed request too. */
export const tokenCount: TokenCount = {
  encode: (body, { model, quirks }) =>
    quirks.hasBareTokenCount
      ? countedFields(body, COUNTED_BARE)
      : { generateContentRequest: { model: `models/${model}`, ...body } },
  decode: (answer) => tokensIn(answer, "totalTokens"),
};
