// A turn with `generate: false`: the conversation is kept to be gone on from, nothing is sent anywhere, and the response
// that says so has no output.

import type { JsonObject } from "#wire";
import { InvalidRequest } from "../errors.ts";
import type { ReplyContext } from "../formats/format.ts";
import { responses } from "../formats/responses.ts";
import { Losses } from "../formats/losses.ts";

const NOTHING = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0 } as const;

/** The data of the events that answer a warm-up. Throws InvalidRequest without a model. */
export function warmUpEvents(
  { model }: JsonObject,
  { newId, nowMs }: { newId: () => string; nowMs: () => number },
): readonly string[] {
  if (typeof model !== "string" || model === "") {
    throw new InvalidRequest("model: required", { param: "model" });
  }
  const nowSeconds = () => Math.floor(nowMs() / 1_000);
  const context: ReplyContext = {
    model,
    id: newId(),
    createdSeconds: nowSeconds(),
    nowSeconds,
    newId,
    request: null,
    losses: new Losses(),
  };
  const encoder = responses.createStreamEncoder(context);
  const text =
    encoder.encode({ type: "start", model }) +
    encoder.encode({ type: "finish", stop: "end", usage: NOTHING });
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => data);
}
