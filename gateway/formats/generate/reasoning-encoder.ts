// The caller's wish to think → `thinkingConfig`: a level or a budget, as the model takes it. Where the model has
// no such level, the next higher one is meant, and the change is named.

import type { ConversationRequest, JsonObject } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { modelAbilities, type ThinkingControl } from "./gemini-models.ts";

/** Budget behind each effort word, as Google's own OpenAI-compatible endpoint has it; the last two are the model's most. */
const BUDGET_BY_EFFORT: ReadonlyMap<string, number> = new Map([
  ["minimal", 1_024],
  ["low", 1_024],
  ["medium", 8_192],
  ["high", 24_576],
  ["xhigh", Number.POSITIVE_INFINITY],
  ["max", Number.POSITIVE_INFINITY],
]);

const LEVELS = ["minimal", "low", "medium", "high"];

interface Wish {
  readonly request: ConversationRequest;
  readonly target: Target;
  readonly field: string;
}

function levelForBudget(budget: number): string {
  if (budget <= 1_024) return "low";
  return budget <= 8_192 ? "medium" : "high";
}

function encodeLevel(levels: readonly string[], { request, target, field }: Wish): JsonObject {
  const { effort, budgetTokens } = request.reasoning ?? {};
  if (effort === undefined && budgetTokens === undefined) return {};
  if (effort === undefined) target.losses.add(field, "the model takes a level, not a budget");
  const wanted = effort ?? levelForBudget(budgetTokens ?? 0);
  const level =
    LEVELS.slice(Math.max(0, LEVELS.indexOf(wanted))).find((each) => levels.includes(each)) ??
    "high";
  const thinkingLevel = LEVELS.includes(wanted) ? level : "high";
  if (thinkingLevel !== wanted) target.losses.add(field, `${wanted} is ${thinkingLevel} here`);
  return { thinkingLevel };
}

function encodeBudget(
  { min, max }: Extract<ThinkingControl, { by: "budget" }>,
  { request, target, field }: Wish,
): JsonObject {
  const { effort, budgetTokens } = request.reasoning ?? {};
  const wanted = budgetTokens ?? BUDGET_BY_EFFORT.get(effort ?? "");
  if (wanted === undefined) return {};
  const thinkingBudget = Math.min(max, Math.max(min, wanted));
  if (thinkingBudget !== wanted && Number.isFinite(wanted)) {
    target.losses.add(field, `budget is ${thinkingBudget}, the model's limit`);
  }
  return { thinkingBudget };
}

function encodeOff(thinking: ThinkingControl, { target, field }: Wish): JsonObject {
  if (thinking.by === "nothing") return {};
  if (thinking.by === "budget" && thinking.canStop) return { thinkingBudget: 0 };
  target.losses.add(field, "the model always thinks, as little as it can");
  return thinking.by === "budget"
    ? { thinkingBudget: thinking.min }
    : { thinkingLevel: thinking.levels[0] ?? "low" };
}

/** `thinkingConfig` for the upstream, empty when there is nothing to say. Throws UnsupportedParameter for an unknown effort. */
export function encodeReasoning(request: ConversationRequest, target: Target): JsonObject {
  const { reasoning } = request;
  if (!reasoning) return {};
  const field = request.paths.reasoning ?? "reasoning";
  const { effort, budgetTokens, isDisabled, wantsSummary } = reasoning;
  const wish = { request, target, field };
  const { thinking } = modelAbilities(target.model);
  if (isDisabled || effort === "none") return encodeOff(thinking, wish);
  if (effort !== undefined && !BUDGET_BY_EFFORT.has(effort)) {
    throw new UnsupportedParameter(
      field,
      `effort ${JSON.stringify(effort)} is none of none, ${[...BUDGET_BY_EFFORT.keys()].join(", ")}`,
    );
  }
  if (thinking.by === "nothing") {
    const isAsked = effort !== undefined || budgetTokens !== undefined;
    if (isAsked) target.losses.add(field, "the model does not think");
    return {};
  }
  const amount =
    thinking.by === "level" ? encodeLevel(thinking.levels, wish) : encodeBudget(thinking, wish);
  return { ...amount, ...(wantsSummary && { includeThoughts: true }) };
}
