// What a host that calls itself OpenAI-compatible can be trusted to lack, unless its own file says otherwise.

import type { Quirks } from "../formats/format.ts";

/** The older spelling of Chat Completions, which every compatible host reads. */
export const COMPATIBLE = {
  hasLegacyMaxTokens: true,
  hasNoDeveloperRole: true,
  hasNoFreeformTools: true,
} as const satisfies Quirks;

/** A server of open models, which keeps to the model's own template and may leave its reasoning in the text. */
export const OPEN_MODELS = {
  ...COMPATIBLE,
  hasLeadingSystemOnly: true,
  hasThinkTags: true,
} as const satisfies Quirks;
