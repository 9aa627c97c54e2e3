// The contexts that codecs ask for, filled with fixed values so that two runs print the same bytes.

import type { ConversationRequest } from "#wire";
import type { ReplyContext, UpstreamContext } from "../../gateway/formats/format.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import { quirksOf } from "./hosts.ts";

/** The model id that clients of the corpus ask for; no recording has it. */
export const ALIAS = "parley/corpus";

/** A request that asks for everything a reply can hold. */
export function plainRequest({ includeUsage = true } = {}): ConversationRequest {
  return {
    model: ALIAS,
    isStream: true,
    instructions: [],
    turns: [],
    tools: [],
    includeUsage,
    wantsEncryptedReasoning: true,
    paths: {},
  };
}

/** A reply context whose ids count up. */
export function replyContext(request: ConversationRequest): ReplyContext {
  let made = 0;
  return {
    model: ALIAS,
    id: "corpus".padEnd(24, "0"),
    createdSeconds: 1_800_000_000,
    newId: () => String(++made).padStart(24, "0"),
    request,
    losses: new Losses(),
  };
}

/** The upstream that the recording of this name came from; without one, a host like the dialect's owner. */
export function upstreamContext(name = ""): UpstreamContext {
  return { provider: "recorded", quirks: quirksOf(name), losses: new Losses() };
}
