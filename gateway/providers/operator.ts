// Upstreams from the operator's configuration: new ones, and overrides of the built-in. Only the operator's
// own files reach this code; a project's `.parley/config.yml` may not set `providers` (a destination).

import { z } from "zod";
import type { FormatId } from "#wire";
import { COMPATIBLE } from "./compatible.ts";
import { ENDPOINTS } from "./endpoint.ts";
import { authorizeAs, type ModelInfo, type Provider } from "./provider.ts";

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

/** Headers that show a key, frame a message or name a client other than this one are not the operator's to set. */
const RESERVED_HEADERS =
  /^(authorization|proxy-.*|x-api-key|api-key|cookie|host|connection|content-.*|accept.*|transfer-encoding|te|upgrade|user-agent)$/;

const HeadersConfig = z.record(
  z
    .string()
    .regex(/^[a-z0-9-]+$/, "a header's name here is lower-case letters, digits and -")
    .refine((name) => !RESERVED_HEADERS.test(name), "the gateway sets this header itself"),
  z.string().regex(/^[\x20-\x7e]*$/, "a header's value is printable ASCII"),
);

/** One entry of `providers` in the configuration. */
export const ProviderConfig = z.strictObject({
  api: z
    .enum(["messages", "chat", "responses", "generate"])
    .optional()
    .describe("The dialect it speaks; a new provider needs it."),
  baseUrl: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .optional()
    .describe(
      "With /v1 for chat and responses, without a version for messages and generate; a new provider needs it. The provider's own variable, such as OPENAI_BASE_URL, overrides it.",
    ),
  apiKey: z
    .string()
    .min(1)
    .meta({ writeOnly: true })
    .optional()
    .describe("A literal, the name of an environment variable, or !command."),
  headers: HeadersConfig.optional().describe(
    "Sent with every call to it, e.g. copilot-integration-id; no place for keys.",
  ),
  endpoints: z
    .array(z.enum(ENDPOINTS))
    .optional()
    .describe(
      "What it serves beside answers: count_tokens (messages, generate), input_tokens and compact (responses), embeddings.",
    ),
  models: z
    .union([
      z.literal("discover"),
      z
        .array(ModelConfig)
        .describe("Its models; only these are served then. `discover` asks the upstream for them."),
    ])
    .optional(),
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

/** The effective provider for one entry: `known` overridden, or a new one described whole. */
export function describeProvider(
  id: string,
  config: ProviderConfig,
  known: Provider | undefined,
): Provider {
  const isDiscovering = config.models === "discover";
  const models = config.models === "discover" ? undefined : config.models?.map(toModelInfo);
  if (known) {
    checkBaseUrl(known, config.baseUrl);
    const { listsModels, ...rest } = speaking(known, config.api);
    if (isDiscovering) checkListing(rest);
    return {
      ...rest,
      ...(config.baseUrl !== undefined && { baseUrl: config.baseUrl }),
      ...(config.headers && { headers: { ...known.headers, ...config.headers } }),
      ...(config.endpoints && { endpoints: config.endpoints }),
      ...(models
        ? { models, takesUnlistedModels: false }
        : (isDiscovering || listsModels) && { listsModels: true as const }),
    };
  }
  if (!config.api || config.baseUrl === undefined) {
    const lacking = [!config.api && "api", config.baseUrl === undefined && "baseUrl"];
    throw new ProviderConfigError(
      `providers.${id}: ${lacking.filter(Boolean).join(" and ")} missing. "${id}" is no built-in provider, so its api and baseUrl must be given.`,
    );
  }
  if (isDiscovering) checkListing({ id, name: id, formats: [config.api] });
  return {
    id,
    name: id,
    formats: [config.api],
    baseUrl: config.baseUrl,
    ...(config.headers && { headers: config.headers }),
    quirks: config.api === "chat" ? COMPATIBLE : {},
    ...(config.endpoints && { endpoints: config.endpoints }),
    models: models ?? [],
    ...(isDiscovering && { listsModels: true as const }),
    takesUnlistedModels: !models,
    needsKey: config.apiKey !== undefined,
    // Whoever describes a login under this id answers for it.
    takesGrants: true,
    authorize: authorizeAs,
  };
}

function checkBaseUrl({ id, name, baseUrlForm }: Provider, baseUrl: string | undefined): void {
  if (!baseUrlForm || baseUrl === undefined || baseUrlForm.pattern.test(baseUrl)) return;
  throw new ProviderConfigError(
    `providers.${id}.baseUrl: ${name} is not called there. Give the whole address, as ${baseUrlForm.example}.`,
  );
}

// The lists that are understood are OpenAI's and Anthropic's, at the address next to the dialect's.
function checkListing({
  id,
  name,
  formats,
  address,
}: Pick<Provider, "id" | "name" | "formats" | "address">): void {
  if (!address && formats[0] !== "generate") return;
  throw new ProviderConfigError(
    `providers.${id}: models cannot be "discover". ${name} has no list of what it serves here; name the models.`,
  );
}

function speaking(known: Provider, api: FormatId | undefined): Provider {
  if (api === undefined) return known;
  const { formatsOf: _, ...chosen } = { ...known, formats: [api] as const };
  const elsewhere = known.formats.includes(api) ? undefined : known.otherBaseUrls?.[api];
  if (elsewhere === undefined) return chosen;
  // The vendor's variable names the address of its own dialect, not of this one.
  const { baseUrlEnv: _own, baseUrlAliases: _aliases, ...rest } = chosen;
  return { ...rest, baseUrl: elsewhere };
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
