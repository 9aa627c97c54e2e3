// The routes that ask a model's provider for something other than an answer: counts, embeddings, compaction.

import { formats } from "../formats/index.ts";
import { EndpointMissing, forwardTo } from "../pipeline/endpoint-call.ts";
import { answer, type PipelineParts, type TryWay } from "../pipeline/pipeline.ts";
import { countHere, type WriteCount } from "../pipeline/token-count.ts";
import { countThere } from "../pipeline/upstream-count.ts";
import { ENDPOINT_FORMATS, type Endpoint } from "../providers/endpoint.ts";
import type { CountText } from "../tokens/tokenizer.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Route } from "./route.ts";

/** What these routes are built from. */
export interface EndpointParts extends PipelineParts {
  readonly countText: CountText;
}

/** `POST /v1/messages/count_tokens`, `/v1/responses/input_tokens`, `/v1/responses/compact`, `/v1/embeddings`. */
export function endpointRoutes(parts: EndpointParts, exchanges: Exchanges): readonly Route[] {
  const route = (path: string, endpoint: Endpoint, otherwise: TryWay): Route => {
    const format = formats[ENDPOINT_FORMATS[endpoint]];
    const tryWay = forwardTo(endpoint, otherwise);
    return {
      method: "POST",
      path,
      format,
      answer: (call) =>
        exchanges.serve(call, { format, endpoint }, (exchange) =>
          answer(call.body, exchange, parts, tryWay),
        ),
    };
  };
  const { countText } = parts;
  const count = (write: WriteCount) => countThere(write, countHere(countText, write));
  const counted = count((tokens) => ({ input_tokens: tokens }));
  const countedInput = count((tokens) => ({
    object: "response.input_tokens",
    input_tokens: tokens,
  }));
  return [
    route(`${formats.messages.path}/count_tokens`, "count_tokens", counted),
    route(`${formats.responses.path}/input_tokens`, "input_tokens", countedInput),
    route(`${formats.responses.path}/compact`, "compact", refuse("compact", COMPACT_YOURSELF)),
    route("/v1/embeddings", "embeddings", refuse("embeddings", ASK_ANOTHER)),
  ];
}

const ASK_ANOTHER =
  "Ask for a model of one that does, such as openai/text-embedding-3-small; an operator lists what their own serve in providers.ID.endpoints.";
const COMPACT_YOURSELF =
  "What it would seal only OpenAI can open again; let the agent summarise the conversation itself (local compaction) and begin anew with the summary.";

function refuse(endpoint: Endpoint, fix: string): TryWay {
  return ({ target: { provider } }) =>
    Promise.reject(new EndpointMissing(provider.name, endpoint, fix));
}
