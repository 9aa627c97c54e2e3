// What a Claude model takes, read from its name: the dialect changed with versions 4.6 and 4.7 and the
// API answers 400 to the older words. Models of other makers behind this dialect get the older, wider
// known ones. Source: Anthropic's adaptive-thinking and migration pages, 2026.

/** What of the reasoning and sampling dialect a model accepts. */
export interface ModelAbilities {
  /** `thinking: {type:"adaptive"}` with `output_config.effort`, instead of a token budget. */
  readonly hasAdaptiveThinking: boolean;
  /** `thinking: {type:"disabled"}` is an error: the model always thinks. */
  readonly alwaysThinks: boolean;
  /** The effort word `xhigh`. */
  readonly hasXhighEffort: boolean;
  /** `temperature` and `top_p` in one request are an error. */
  readonly takesOneOfTemperatureAndTopP: boolean;
  /** `role: "system"` behind a turn of the user's; known of Opus alone. */
  readonly hasSystemTurns: boolean;
  /** JSON of a given schema; older models answer 400. */
  readonly hasSchemas: boolean;
  /** Most tokens of one answer; absent: not known. */
  readonly maxOutputTokens?: number;
  /** `temperature`, `top_p` and `top_k` other than the default are an error. */
  readonly refusesSampling: boolean;
}

const VERSION = /(?:^|[-.@])(\d)(?:[-.](\d{1,2}))?(?!\d)/;

/** Version as one number (4.6 → 406) of a Claude model, a nameless version counting as newest; else 0. */
function claudeVersion(model: string): number {
  const name = /claude[-.]?(.*)$/i.exec(model)?.[1];
  if (name === undefined) return 0;
  const [, major, minor = "0"] = VERSION.exec(name) ?? [];
  return major === undefined ? Number.MAX_SAFE_INTEGER : Number(major) * 100 + Number(minor);
}

/** After Anthropic's overview of models; of a newer one at least as much as of the last that is known. */
function mostOutput(model: string, version: number): number | undefined {
  if (version === 0) return undefined;
  if (version >= 405) return 64_000;
  if (version >= 400) return /opus/i.test(model) ? 32_000 : 64_000;
  if (version >= 307) return 64_000;
  return version >= 305 ? 8_192 : 4_096;
}

/** Abilities by model id, with or without a host's prefix and date suffix. */
export function modelAbilities(model: string): ModelAbilities {
  const version = claudeVersion(model);
  const maxOutputTokens = mostOutput(model, version);
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    hasAdaptiveThinking: version >= 406,
    alwaysThinks: version > 0 && /fable|mythos/i.test(model),
    hasXhighEffort: version >= 407,
    hasSystemTurns: version >= 408 && version < Number.MAX_SAFE_INTEGER && /opus/i.test(model),
    hasSchemas: version === 0 || version >= 401,
    takesOneOfTemperatureAndTopP: version >= 401,
    refusesSampling: version >= 407,
  };
}
