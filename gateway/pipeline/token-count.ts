// Token counts for upstreams that cannot count: the caller's body read as a conversation, counted here, and marked as
// estimated. Sends nothing anywhere.

import type { JsonObject } from "#wire";
import { Losses } from "../formats/losses.ts";
import { countRequest } from "../tokens/count-request.ts";
import type { CountText } from "../tokens/tokenizer.ts";
import { requestIdHeaders } from "./crossing-headers.ts";
import { MODEL_HEADER, readBody, type TryWay } from "./pipeline.ts";
import { ESTIMATED, USAGE_HEADER } from "./usage-estimate.ts";

/** The body that tells a count, in the dialect of the endpoint. */
export type WriteCount = (tokens: number) => JsonObject;

/** Counts instead of forwarding. Throws InvalidRequest for what is no conversation. */
export function countHere(countText: CountText, write: WriteCount): TryWay {
  return async ({ target }, { bytes, exchange, settling }) => {
    // A message needs a limit; a count of it has none.
    const body = readBody(bytes);
    const asked = exchange.format.id === "messages" ? { max_tokens: 1, ...body } : body;
    const request = exchange.format.decodeRequest(asked, { losses: new Losses() });
    const tokens = await countRequest(request, countText);
    settling.ends("completed", undefined);
    const response = Response.json(write(tokens), {
      headers: {
        ...requestIdHeaders(exchange.id),
        [USAGE_HEADER]: ESTIMATED,
        [MODEL_HEADER]: `${target.provider.id}/${target.model.id}`,
      },
    });
    settling.begins(response);
    return response;
  };
}
