// Whether and how hard to think, in the words of each host: OpenAI's effort, or one of the fields that
// compatible hosts have for it. Refuses nothing; what a host cannot be told is named.

import type { JsonObject, Reasoning } from "#wire";
import type { Target, ThinkingField } from "../format.ts";

/** Largest thinking budget, in tokens, that still counts as each effort. */
const EFFORT_BY_BUDGET = [
  [2_048, "low"],
  [8_192, "medium"],
] as const;

type Speak = (reasoning: Reasoning, path: string, target: Target) => JsonObject;

function encodeEffort(
  { effort, budgetTokens, isDisabled }: Reasoning,
  path: string,
  target: Target,
) {
  if (effort !== undefined) return { reasoning_effort: effort };
  if (isDisabled) {
    // Models without reasoning refuse the field, and of the others only some know "none".
    target.losses.add(path, "the model decides whether to think");
    return {};
  }
  if (budgetTokens === undefined) return {};
  target.losses.add(path, "thinking budget became an effort level");
  const level = EFFORT_BY_BUDGET.find(([budget]) => budgetTokens <= budget)?.[1] ?? "high";
  return { reasoning_effort: level };
}

function isOff({ effort, isDisabled }: Reasoning): boolean {
  return isDisabled === true || effort === "none";
}

/** How each field is written. */
const SPOKEN: Readonly<Record<ThinkingField, Speak>> = {
  thinking: (reasoning, path, target) =>
    isOff(reasoning)
      ? { thinking: { type: "disabled" } }
      : { thinking: { type: "enabled" }, ...encodeEffort(reasoning, path, target) },
  // Kimi refuses the field beside an effort, and its newest models refuse to be told to think.
  thinking_off: (reasoning, path, target) =>
    isOff(reasoning) ? { thinking: { type: "disabled" } } : encodeEffort(reasoning, path, target),
  enable_thinking: (reasoning, path, { losses }) => {
    if (isOff(reasoning)) return { enable_thinking: false };
    const { effort, budgetTokens } = reasoning;
    if (effort !== undefined) losses.add(path, "effort level became thinking on");
    return {
      enable_thinking: true,
      ...(budgetTokens !== undefined && { thinking_budget: budgetTokens }),
    };
  },
  reasoning: ({ effort, budgetTokens, isDisabled }) => {
    if (isDisabled) return { reasoning: { enabled: false } };
    if (effort !== undefined) return { reasoning: { effort } };
    if (budgetTokens !== undefined) return { reasoning: { max_tokens: budgetTokens } };
    return { reasoning: { enabled: true } };
  },
};

/** The fields that say how to think; `path` is the caller's own name for it. */
export function encodeReasoning(reasoning: Reasoning, path: string, target: Target): JsonObject {
  const { thinkingField } = target.quirks;
  return (thinkingField ? SPOKEN[thinkingField] : encodeEffort)(reasoning, path, target);
}
