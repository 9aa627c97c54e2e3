// Upstreams from the operator's configuration: new ones, and overrides of the built-in. Only the operator's
// own files reach this code; a project's `.parley/config.yml` may not set `providers` (a destination).

import { z } from "zod";
import type { Quirks } from "../formats/format.ts";
import { bearer, type ModelInfo, type Provider } from "./provider.ts";

const ModelConfig = z.strictObject({
  id: z.string().min(1).describe("The id as the upstream knows it."),
  name: z.string().optional().describe("What listings show."),
  contextWindow: z.int().positive().optional().describe("Tokens of input and output together."),
  maxOutputTokens: z.int().positive().optional().describe("Most tokens of one answer."),
  input: z
    .array(z.enum(["text", "image", "audio", "document"]))
    .optional()
    .describe("What it takes."),
});

/** One entry of `providers` in the configuration. */
export const ProviderConfig = z.strictObject({
  api: z
    .enum(["messages", "chat", "responses"])
    .optional()
    .describe("The dialect it speaks; a new provider needs it."),
  baseUrl: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .optional()
    .describe(
      "With /v1 for chat and responses, without for messages; a new provider needs it. ANTHROPIC_BASE_URL and OPENAI_BASE_URL override those two.",
    ),
  apiKey: z
    .string()
    .min(1)
    .meta({ writeOnly: true })
    .optional()
    .describe("A literal, the name of an environment variable, or !command."),
  models: z.array(ModelConfig).optional().describe("Its models; only these are served then."),
});
export type ProviderConfig = z.infer<typeof ProviderConfig>;

/** The `providers` section: provider id → description. */
export const ProvidersConfig = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, "a provider id is lower-case letters, digits, - and _"),
  ProviderConfig,
);

/** A `providers` entry that names no known provider and lacks what a new one needs. */
export class ProviderConfigError extends Error {
  readonly code = "provider_config_incomplete";
}

// What a compatible host can be trusted to lack unless its own descriptor says otherwise.
const COMPATIBLE: Quirks = {
  hasLegacyMaxTokens: true,
  hasNoDeveloperRole: true,
  hasNoFreeformTools: true,
};

/** The effective provider for one entry: `known` overridden, or a new one described whole. */
export function describeProvider(
  id: string,
  config: ProviderConfig,
  known: Provider | undefined,
): Provider {
  const models = config.models?.map(toModelInfo);
  if (known) {
    return {
      ...known,
      ...(config.api && { formats: [config.api] as const }),
      ...(config.baseUrl !== undefined && { baseUrl: config.baseUrl }),
      ...(models && { models, takesUnlistedModels: false }),
    };
  }
  if (!config.api || config.baseUrl === undefined) {
    const lacking = [!config.api && "api", config.baseUrl === undefined && "baseUrl"];
    throw new ProviderConfigError(
      `providers.${id}: ${lacking.filter(Boolean).join(" and ")} missing. "${id}" is no built-in provider, so its api and baseUrl must be given.`,
    );
  }
  return {
    id,
    name: id,
    formats: [config.api],
    baseUrl: config.baseUrl,
    quirks: config.api === "chat" ? COMPATIBLE : {},
    models: models ?? [],
    takesUnlistedModels: !models,
    needsKey: config.apiKey !== undefined,
    authorize: (key, format) => (format === "messages" ? { "x-api-key": key } : bearer(key)),
  };
}

function toModelInfo(model: z.infer<typeof ModelConfig>): ModelInfo {
  const { id, name, contextWindow, maxOutputTokens, input } = model;
  return {
    id,
    ...(name !== undefined && { name }),
    ...(contextWindow !== undefined && { contextWindow }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(input && { input }),
  };
}
