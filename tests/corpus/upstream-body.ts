// What the gateway would send an upstream of a dialect for a request, as the pipeline makes it.

import type { ConversationRequest, FormatId, JsonObject } from "#wire";
import type { UpstreamFormat } from "../../gateway/formats/format.ts";
import type { Losses } from "../../gateway/formats/losses.ts";
import { adaptTools } from "../../gateway/pipeline/tool-adaptation.ts";
import { checkToolPairs } from "../../gateway/pipeline/turn-order.ts";
import type { Provider } from "../../gateway/providers/provider.ts";

/** Most output tokens of the upstream's model; Messages is sent it where the caller gives no limit. */
export const MAX_OUTPUT_TOKENS = 200_000;

/** Models that take every word of their dialect. */
const MODELS: Readonly<Partial<Record<FormatId, string>>> = { generate: "gemini-3-pro-preview" };
const MODEL = "claude-opus-4-6";

/** The body for the upstream; throws InvalidRequest where the request cannot cross. */
export function upstreamBody(
  request: ConversationRequest,
  to: UpstreamFormat,
  losses: Losses,
  { id, quirks }: Pick<Provider, "id" | "quirks"> = { id: "recorded", quirks: {} },
): JsonObject {
  checkToolPairs(request);
  const upstream = { format: to.id, quirks };
  const adapted = adaptTools(request, upstream, { hostedTools: "drop", losses });
  return to.encodeRequest(adapted.request, {
    provider: id,
    model: MODELS[to.id] ?? MODEL,
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    quirks,
    losses,
  });
}
