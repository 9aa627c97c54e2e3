// What an OpenAI model takes, read from its name: its reasoning models answer 400 to sampling, and to efforts that
// others of them know. A name that is not known here is sent everything, for its host to judge. Source: OpenAI's model
// pages of GPT-5 to GPT-5.2, the o-series and gpt-oss.

import type { ConversationRequest, Reasoning } from "#wire";
import type { Target } from "./format.ts";

interface ModelAbilities {
  /** Efforts it takes, least first; absent: not known. */
  readonly efforts?: readonly string[];
  /** Whether `temperature` and `top_p` are an error: always, while it thinks, or never as far as is known. */
  readonly refusesSampling: "always" | "thinking" | "never";
}

const ALL_EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const COMMON = ["low", "medium", "high"];
const UNKNOWN: ModelAbilities = { refusesSampling: "never" };
const DATE = String.raw`(?:-\d{4}-\d{2}-\d{2})?$`;

/** By the name behind a host's or publisher's prefix; the first that fits. */
const BY_NAME: readonly (readonly [RegExp, ModelAbilities])[] = [
  [/^o[1-9](?:-|$)/, { efforts: COMMON, refusesSampling: "always" }],
  [/^gpt-oss-/, { efforts: COMMON, refusesSampling: "never" }],
  [/^gpt-5-pro/, { efforts: ["high"], refusesSampling: "always" }],
  [/^gpt-5-codex/, { efforts: COMMON, refusesSampling: "always" }],
  [
    new RegExp(`^gpt-5(?:-mini|-nano)?${DATE}`),
    { efforts: ["minimal", ...COMMON], refusesSampling: "always" },
  ],
  [new RegExp(`^gpt-5\\.1${DATE}`), { efforts: ["none", ...COMMON], refusesSampling: "thinking" }],
  [
    new RegExp(`^gpt-5\\.2${DATE}`),
    { efforts: ["none", ...COMMON, "xhigh"], refusesSampling: "thinking" },
  ],
];

function abilitiesOf(model: string): ModelAbilities {
  const name = model.slice(model.lastIndexOf("/") + 1).replace(/^(?:[a-z-]+\.)*(?=gpt-|o\d)/, "");
  return BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? UNKNOWN;
}

/** The nearest of `efforts`; between two as near, the one that thinks more. */
function nearest(effort: string, efforts: readonly string[]): string {
  const wanted = ALL_EFFORTS.indexOf(effort);
  if (wanted === -1 || efforts.includes(effort)) return effort;
  const far = (other: string) => Math.abs(ALL_EFFORTS.indexOf(other) - wanted);
  return (
    efforts.toSorted((a, b) => far(a) - far(b) || efforts.indexOf(b) - efforts.indexOf(a))[0] ??
    effort
  );
}

function fitReasoning(
  reasoning: Reasoning,
  efforts: readonly string[],
  lose: (reason: string) => void,
): Reasoning {
  const { isDisabled, effort: asked = isDisabled ? "none" : undefined, ...rest } = reasoning;
  if (asked === undefined) return reasoning;
  const effort = nearest(asked, efforts);
  if (effort !== asked) {
    lose(
      asked === "none"
        ? `the model always thinks, ${effort} is the least`
        : `${asked} is ${effort} here`,
    );
  }
  return { ...rest, effort, ...(isDisabled && effort === "none" && { isDisabled }) };
}

/** The request as the model named in `target` takes it; what had to change is named. */
export function fitToModel(request: ConversationRequest, target: Target): ConversationRequest {
  const { efforts, refusesSampling } = abilitiesOf(target.model);
  if (!efforts) return request;
  const lose = (name: "reasoning" | "temperature" | "topP", fallback: string) => (reason: string) =>
    target.losses.add(request.paths[name] ?? fallback, reason);
  const reasoning =
    request.reasoning && fitReasoning(request.reasoning, efforts, lose("reasoning", "reasoning"));
  const { temperature, topP, reasoning: _, ...rest } = request;
  const { effort, budgetTokens } = reasoning ?? {};
  const thinks = effort === undefined ? budgetTokens !== undefined : effort !== "none";
  const isRefused = refusesSampling === "always" || (refusesSampling === "thinking" && thinks);
  if (isRefused && temperature !== undefined)
    lose("temperature", "temperature")("the model takes none");
  if (isRefused && topP !== undefined) lose("topP", "top_p")("the model takes none");
  return {
    ...rest,
    ...(reasoning && { reasoning }),
    ...(!isRefused && temperature !== undefined && { temperature }),
    ...(!isRefused && topP !== undefined && { topP }),
  };
}
