// Usage where an upstream reported none: a rough count, marked as one. Zero would read as "free" to a budget
// and as "empty context" to an agent that compacts by usage.

import type { Reply, ReplyPart, Usage } from "#wire";

/** Header, or comment in a stream, that says where usage figures come from. */
export const USAGE_HEADER = "x-parley-usage";
/** Its value when the figures are a guess. */
export const ESTIMATED = "estimated";
/** English text and code average about this; other scripts need more tokens, so the guess is low there. */
export const CHARS_PER_TOKEN = 4;

/** A guess from the length of what went in and came out. */
export function estimateUsage({
  inputChars,
  outputChars,
}: {
  inputChars: number;
  outputChars: number;
}): Usage {
  return {
    input: Math.ceil(inputChars / CHARS_PER_TOKEN),
    cacheRead: 0,
    cacheWrite: 0,
    output: Math.ceil(outputChars / CHARS_PER_TOKEN),
    isEstimated: true,
  };
}

/** The reply with usage: the upstream's, or an estimate where it gave none. */
export function withUsage(reply: Reply, inputChars: number): Reply & { readonly usage: Usage } {
  const { usage } = reply;
  if (usage) return { ...reply, usage };
  return { ...reply, usage: estimateUsage({ inputChars, outputChars: countChars(reply.parts) }) };
}

function countChars(parts: readonly ReplyPart[]): number {
  return parts.reduce((total, part) => {
    if (part.kind === "toolCall") return total + part.arguments.length;
    return "text" in part ? total + part.text.length : total;
  }, 0);
}
