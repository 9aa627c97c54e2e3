// The routes that a model answers by POST alone, one for each dialect; everything behind them is the pipeline's.

import { callerFormats } from "../formats/index.ts";
import { answer, type PipelineParts } from "../pipeline/pipeline.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Route } from "./route.ts";

/** `POST /v1/chat/completions` and `/v1/messages`, `/v1/native/stream`; Responses has more to it. */
export function answerRoutes(parts: PipelineParts, exchanges: Exchanges): readonly Route[] {
  return [callerFormats.chat, callerFormats.messages, callerFormats.native].map((format) => ({
    method: "POST",
    path: format.path,
    format,
    answer: (call) =>
      exchanges.serve(call, { format }, (exchange) => answer(call.body, exchange, parts)),
  }));
}
