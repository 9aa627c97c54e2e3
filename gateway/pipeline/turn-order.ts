// Whether the calls and results of a conversation pair up. No provider accepts a dangling call or a
// result for nothing, and each says so in its own obscure way; we say it once, before sending.
// Refuses to invent results.

import type { ConversationRequest } from "#wire";
import { InvalidRequest } from "../errors.ts";

/** Throws InvalidRequest unless every tool call has exactly one later result and every result a call. */
export function checkToolPairs(request: ConversationRequest): void {
  const calls = new Map<string, { path: string | undefined; isAnswered: boolean }>();
  for (const part of request.turns.flatMap((turn) => turn.parts)) {
    if (part.kind === "toolCall") {
      if (calls.has(part.id)) {
        throw new InvalidRequest(`Tool call id "${part.id}" is used twice.`, {
          code: "duplicate_tool_call",
          param: part.path,
        });
      }
      calls.set(part.id, { path: part.path, isAnswered: false });
    }
    if (part.kind === "toolResult") answer(calls.get(part.id), part);
  }
  const missing = [...calls].filter(([, call]) => !call.isAnswered);
  const first = missing[0];
  if (!first) return;
  throw new InvalidRequest(
    `Tool calls without a result: ${missing.map(([id]) => id).join(", ")}. Send one result for each.`,
    { code: "missing_tool_result", param: first[1].path },
  );
}

function answer(call: { isAnswered: boolean } | undefined, result: { id: string; path?: string }) {
  if (!call) {
    throw new InvalidRequest(`Tool result for "${result.id}", but no earlier call has that id.`, {
      code: "unknown_tool_result",
      param: result.path,
    });
  }
  if (call.isAnswered) {
    throw new InvalidRequest(`Tool call "${result.id}" has two results; send one.`, {
      code: "duplicate_tool_result",
      param: result.path,
    });
  }
  call.isAnswered = true;
}
