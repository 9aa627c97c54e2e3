// Sealed reasoning of answers to clients that hand none of it back, as most of Chat, and those of Responses that do not
// ask for it: kept for a while by the tool call that it led to, and put where it was when the call comes back. Refuses to
// give one caller, or one provider, what is another's. Where it is known no more the turn goes on without.

import type { CallerFormatId, ConversationRequest, ReplyPart, Turn } from "#wire";
import { legalToolId } from "../formats/tool-id.ts";
import {
  isReasoning,
  MAX_REASONING_BYTES,
  reasoningBytes,
  type ReasoningKeeper,
  type SealedReasoning,
} from "./reasoning-store.ts";

/** Whose reasoning is meant. */
interface Whose {
  readonly callerId: string;
  readonly providerId: string;
}

/** Reasoning by caller and tool call. */
export class ReasoningMemory {
  readonly #keeper: ReasoningKeeper;

  constructor(keeper: ReasoningKeeper) {
    this.#keeper = keeper;
  }

  /** Keeps the sealed reasoning of an answer that calls a tool; any other answer leaves no trace. */
  keep(
    callerId: string,
    parts: readonly ReplyPart[],
    { format = "chat" }: { format?: CallerFormatId } = {},
  ): void {
    const call = parts.find((part) => part.kind === "toolCall");
    if (!call) return;
    const sealed = parts.filter(isReasoning).filter(({ carrier }) => carrier !== undefined);
    if (sealed.length === 0 || reasoningBytes(sealed) > MAX_REASONING_BYTES) return;
    // By the id that the client was given.
    this.#keeper.put(callerId, legalToolId(call.id, format), sealed);
  }

  /** The request with the reasoning of its tool calls where it was; the same one when none is known or missing. */
  restore(
    request: ConversationRequest,
    whose: Whose,
  ): ConversationRequest | Promise<ConversationRequest> {
    if (this.#keeper.isEmpty) return request;
    const callIds = request.turns.flatMap((turn) => forgottenCall(turn) ?? []);
    if (callIds.length === 0) return request;
    const found = this.#keeper.find(whose.callerId, callIds);
    const put = (known: readonly (SealedReasoning | undefined)[]) =>
      putBack(request, new Map(callIds.map((id, index) => [id, known[index]])), whose);
    return found instanceof Promise ? found.then(put) : put(found);
  }
}

/** The first call of a turn that has lost the seal of its reasoning, if it ever had one. */
function forgottenCall({ role, parts }: Turn): string | undefined {
  if (role !== "assistant") return undefined;
  if (parts.some((part) => isReasoning(part) && part.carrier !== undefined)) return undefined;
  return parts.find((part) => part.kind === "toolCall")?.id;
}

function putBack(
  request: ConversationRequest,
  known: ReadonlyMap<string, SealedReasoning | undefined>,
  { providerId }: Whose,
): ConversationRequest {
  let isChanged = false;
  const turns = request.turns.map((turn) => {
    const reasoning = known.get(forgottenCall(turn) ?? "");
    if (!reasoning?.every(({ carrier }) => carrier?.provider === providerId)) return turn;
    isChanged = true;
    return { ...turn, parts: [...reasoning, ...turn.parts.filter((part) => !isReasoning(part))] };
  });
  return isChanged ? { ...request, turns } : request;
}
