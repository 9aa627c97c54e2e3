// Which environment variables hold an API key of which provider. Such keys are offered to whoever
// runs in this process; nothing here, or anywhere, copies one into the vault unasked.

import { type Environment, Secret, registerSecret } from "#platform";

/** Provider id → the variables its key may be in; the first one that is set wins. */
export const ENVIRONMENT_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["ANTHROPIC_API_KEY"],
  openai: ["OPENAI_API_KEY"],
  google: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  openrouter: ["OPENROUTER_API_KEY"],
  groq: ["GROQ_API_KEY"],
  mistral: ["MISTRAL_API_KEY"],
  xai: ["XAI_API_KEY"],
  deepseek: ["DEEPSEEK_API_KEY"],
  zai: ["ZAI_API_KEY"],
  moonshot: ["MOONSHOT_API_KEY", "KIMI_API_KEY"],
  qwen: ["DASHSCOPE_API_KEY", "QWEN_API_KEY", "ALIBABA_API_KEY"],
  together: ["TOGETHER_API_KEY"],
  fireworks: ["FIREWORKS_API_KEY"],
  cerebras: ["CEREBRAS_API_KEY"],
  cohere: ["COHERE_API_KEY", "CO_API_KEY"],
};

/** A key that the environment offers. */
export interface EnvironmentKey {
  readonly provider: string;
  readonly variable: string;
  readonly key: Secret;
}

/** The keys that the environment offers, at most one per provider; blank variables are ignored. */
export function environmentKeys(env: Environment): EnvironmentKey[] {
  return Object.entries(ENVIRONMENT_VARIABLES).flatMap(([provider, variables]) => {
    const variable = variables.find((name) => (env[name] ?? "").trim() !== "");
    if (variable === undefined) return [];
    const key = (env[variable] ?? "").trim();
    registerSecret(key);
    return [{ provider, variable, key: new Secret(key) }];
  });
}
