// Token counts of the Gemini dialect. The prompt includes what the cache held and excludes what tools of the
// provider put in; the answer excludes thoughts. Each chunk counts from the beginning: the last one is right.

import type { Json, Usage } from "#wire";
import { isJsonObject } from "#wire";

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The counts of a `usageMetadata`; `before` when it does not count the prompt (its files are not always counted). */
export function decodeUsage(
  metadata: Json | undefined,
  before: Usage | undefined,
): Usage | undefined {
  if (!isJsonObject(metadata)) return before;
  const prompt = count(metadata.promptTokenCount);
  if (prompt === undefined) return before;
  const answer = count(metadata.candidatesTokenCount) ?? 0;
  const cacheRead = count(metadata.cachedContentTokenCount) ?? 0;
  const toolUse = count(metadata.toolUsePromptTokenCount) ?? 0;
  const thoughts = count(metadata.thoughtsTokenCount);
  return {
    input: Math.max(0, prompt + toolUse - cacheRead),
    cacheRead,
    cacheWrite: 0,
    output: answer + (thoughts ?? 0),
    ...(thoughts !== undefined && { reasoning: thoughts }),
  };
}
