// The caller's wish to think → `thinking` and `output_config.effort`, within what Anthropic refuses:
// a budget below 1024 or not below max_tokens, thinking with a forced tool, and manual thinking over
// a tool call that lost its thinking. Where wishes collide thinking gives way, and the loss is named.

import type { ConversationRequest, JsonObject } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { modelAbilities } from "./claude-models.ts";
import { lacksThinkingBeforeCall } from "./opaque-state.ts";

/** Fewest tokens the API takes as a thinking budget. */
export const MIN_BUDGET_TOKENS = 1_024;

const BUDGET_BY_EFFORT: ReadonlyMap<string, number> = new Map([
  ["minimal", MIN_BUDGET_TOKENS],
  ["low", MIN_BUDGET_TOKENS],
  ["medium", 4_096],
  ["high", 10_000],
  ["xhigh", 24_000],
  ["max", Number.POSITIVE_INFINITY],
]);

/** What the request says about reasoning, in this dialect. */
export interface EncodedReasoning {
  readonly thinking?: JsonObject;
  readonly effort?: string;
  /** True when the model will think because this request asks for it. */
  readonly isThinking: boolean;
}

const OFF = { thinking: { type: "disabled" }, isThinking: false } as const;

/** Highest effort word whose budget fits; for models that take words only. */
function effortForBudget(budget: number): string {
  let word = "low";
  for (const [effort, tokens] of BUDGET_BY_EFFORT) {
    if (effort !== "minimal" && tokens <= budget) word = effort;
  }
  return word;
}

function effortWord(effort: string, field: string, target: Target): string {
  const lower = effort === "minimal" ? "low" : undefined;
  const clamped =
    effort === "xhigh" && !modelAbilities(target.model).hasXhighEffort ? "high" : lower;
  if (clamped === undefined) return effort;
  target.losses.add(field, `${effort} is ${clamped} here`);
  return clamped;
}

function display(wantsSummary: boolean | undefined): JsonObject {
  if (wantsSummary === undefined) return {};
  return { display: wantsSummary ? "summarized" : "omitted" };
}

function encodeAdaptive(request: ConversationRequest, target: Target): EncodedReasoning {
  const { effort, budgetTokens, wantsSummary } = request.reasoning ?? {};
  const field = request.paths.reasoning ?? "reasoning";
  if (effort === undefined && budgetTokens !== undefined) {
    target.losses.add(field, "the model takes an effort, not a budget");
  }
  const word = effort ?? (budgetTokens === undefined ? undefined : effortForBudget(budgetTokens));
  return {
    thinking: { type: "adaptive", ...display(wantsSummary) },
    ...(word !== undefined && { effort: effortWord(word, field, target) }),
    isThinking: true,
  };
}

function encodeBudget(
  request: ConversationRequest,
  target: Target,
  maxTokens: number,
): EncodedReasoning {
  const { effort = "", budgetTokens } = request.reasoning ?? {};
  const field = request.paths.reasoning ?? "reasoning";
  const wanted = budgetTokens ?? BUDGET_BY_EFFORT.get(effort);
  // Only a wish for summaries: nobody asked to think.
  if (wanted === undefined) return { isThinking: false };
  if (maxTokens <= MIN_BUDGET_TOKENS) {
    target.losses.add(field, "no room to think below the output limit");
    return { isThinking: false };
  }
  // Leave as much again for the answer where the limit allows it.
  const room = Math.max(MIN_BUDGET_TOKENS, maxTokens - MIN_BUDGET_TOKENS);
  const budget = Math.max(MIN_BUDGET_TOKENS, wanted < maxTokens ? wanted : room);
  if (budget !== wanted && Number.isFinite(wanted)) {
    target.losses.add(field, `budget is ${budget} within the output limit`);
  }
  return { thinking: { type: "enabled", budget_tokens: budget }, isThinking: true };
}

function encodeOff(field: string, target: Target): EncodedReasoning {
  if (!modelAbilities(target.model).alwaysThinks) return OFF;
  target.losses.add(field, "the model always thinks, effort is low");
  return { effort: "low", isThinking: false };
}

/** Why this request must not think after all; undefined when it may. */
function obstacle(request: ConversationRequest, messages: readonly JsonObject[]) {
  const { toolChoice, tools } = request;
  const isForced =
    toolChoice?.mode === "required" ||
    toolChoice?.mode === "tool" ||
    (toolChoice?.mode === "allowed" && toolChoice.isRequired);
  if (isForced && tools.length > 0) return "no thinking with a forced tool";
  if (lacksThinkingBeforeCall(messages)) return "the last tool call lost its thinking";
  if (messages.at(-1)?.role === "assistant") return "no thinking while continuing an answer";
  return undefined;
}

/** `thinking` and effort for the upstream. Throws UnsupportedParameter for an unknown effort. */
export function encodeReasoning(
  request: ConversationRequest,
  target: Target,
  { maxTokens, messages }: { maxTokens: number; messages: readonly JsonObject[] },
): EncodedReasoning {
  const { reasoning } = request;
  if (!reasoning) return { isThinking: false };
  const field = request.paths.reasoning ?? "reasoning";
  const { effort } = reasoning;
  if (reasoning.isDisabled || effort === "none") return encodeOff(field, target);
  if (effort !== undefined && !BUDGET_BY_EFFORT.has(effort)) {
    throw new UnsupportedParameter(
      field,
      `effort ${JSON.stringify(effort)} is none of none, ${[...BUDGET_BY_EFFORT.keys()].join(", ")}`,
    );
  }
  const { hasAdaptiveThinking } = modelAbilities(target.model);
  const encoded = hasAdaptiveThinking
    ? encodeAdaptive(request, target)
    : encodeBudget(request, target, maxTokens);
  if (!encoded.isThinking) return encoded;
  const reason = obstacle(request, messages);
  if (reason === undefined) return encoded;
  target.losses.add(field, reason);
  // Adaptive models take the absent field in every version, but not all of them take "disabled".
  if (!hasAdaptiveThinking) return OFF;
  return { ...(encoded.effort !== undefined && { effort: encoded.effort }), isThinking: false };
}
