// What a Gemini model takes, read from its name: thinking is a budget up to 2.5 and a level from 3 on, and what
// 3 signs must come back signed. Sources: Google's thinking, OpenAI compatibility, function calling and thought
// signature pages, 2026.

/** How a model is told how much to think. */
export type ThinkingControl =
  | { readonly by: "nothing" }
  | {
      readonly by: "budget";
      readonly min: number;
      readonly max: number;
      /** True when a budget of 0 turns thinking off. */
      readonly canStop: boolean;
    }
  /** From the least to the most. */
  | { readonly by: "level"; readonly levels: readonly string[] };

/** What of the dialect a model accepts. */
export interface ModelAbilities {
  readonly thinking: ThinkingControl;
  /** Images and files inside a function's response. */
  readonly hasMediaInResults: boolean;
  /** A function call of history without a thought signature is an error. */
  readonly needsSignatures: boolean;
}

const VERSION = /gemini-(\d+)(?:\.(\d+))?/i;

function budgetOf(model: string): ThinkingControl {
  if (/flash-lite/i.test(model)) return { by: "budget", min: 512, max: 24_576, canStop: true };
  if (/flash/i.test(model)) return { by: "budget", min: 0, max: 24_576, canStop: true };
  return { by: "budget", min: 128, max: 32_768, canStop: false };
}

function levelsOf(model: string, version: number): ThinkingControl {
  if (/flash/i.test(model)) return { by: "level", levels: ["minimal", "low", "medium", "high"] };
  if (version === 300) return { by: "level", levels: ["low", "high"] };
  return { by: "level", levels: ["low", "medium", "high"] };
}

/** Version as one number (2.5 → 205); a Gemini without one (`gemini-flash-latest`) counts as newest, others as 0. */
function geminiVersion(model: string): number {
  const [, major, minor = "0"] = VERSION.exec(model) ?? [];
  if (major !== undefined) return Number(major) * 100 + Number(minor);
  return /gemini/i.test(model) ? Number.MAX_SAFE_INTEGER : 0;
}

/** Abilities by model id. */
export function modelAbilities(model: string): ModelAbilities {
  const version = geminiVersion(model);
  const isThird = version >= 300;
  const control = isThird ? levelsOf(model, version) : budgetOf(model);
  return {
    thinking: version >= 205 ? control : { by: "nothing" },
    hasMediaInResults: isThird,
    needsSignatures: isThird,
  };
}
