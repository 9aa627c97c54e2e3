// Google's Vertex AI in a project of the operator's: Gemini in its own dialect, Claude in Messages, other models by
// their publisher's name through Chat. Refuses to be served before it is told project and location.

import type { FormatId } from "#wire";
import { COMPATIBLE } from "./compatible.ts";
import type { Endpoint } from "./endpoint.ts";
import { bearer, type Provider, type UpstreamCall } from "./provider.ts";
import { exchangeVertexKey } from "./vertex-key.ts";

/** Version of Messages that Vertex AI has, in the place of the header. */
export const VERTEX_ANTHROPIC_VERSION = "vertex-2023-10-16";

function formatsOf(model: string): readonly [FormatId, ...FormatId[]] {
  if (model.startsWith("claude-")) return ["messages"];
  return model.includes("/") ? ["chat"] : ["generate"];
}

function publisherUrl(baseUrl: string, publisher: string, model: string, method: string): string {
  const base = baseUrl.replace(/\/+$/, "");
  // Versions of models begin with an @, which may stand in a path.
  const name = encodeURIComponent(model).replaceAll("%40", "@");
  return `${base}/publishers/${publisher}/models/${name}:${method}`;
}

function vertexAddress(baseUrl: string, { format, model, isStream }: UpstreamCall): string {
  if (format === "messages") {
    const method = isStream ? "streamRawPredict" : "rawPredict";
    return publisherUrl(baseUrl, "anthropic", model, method);
  }
  if (format === "generate") {
    const method = isStream ? "streamGenerateContent?alt=sse" : "generateContent";
    return publisherUrl(baseUrl, "google", model, method);
  }
  return `${baseUrl.replace(/\/+$/, "")}/endpoints/openapi/chat/completions`;
}

/** Claude is counted by a model of its own, whatever is counted for. */
function endpointAddress(baseUrl: string, endpoint: Endpoint, format: FormatId) {
  return endpoint === "count_tokens" && format === "messages"
    ? publisherUrl(baseUrl, "anthropic", "count-tokens", "rawPredict")
    : undefined;
}

/** The betas of Messages that Vertex AI takes, after BerriAI/litellm 030dd40; others it answers with 400. */
const BETAS: readonly string[] = [
  "compact-2026-01-12",
  "compact-2026-09-04",
  "computer-use-2025-01-24",
  "computer-use-2025-11-24",
  "context-1m-2025-08-07",
  "context-management-2025-06-27",
  "dangerous-tool-use-2026-09-03",
  "interleaved-thinking-2025-05-14",
  "per-turn-control-2026-07-01",
  "thinking-binding-controls-2026-08-01",
  "thinking-display-updates-2026-08-18",
  "tool-search-tool-2025-10-19",
  "web-search-2025-03-05",
];

/** A project and location of Vertex AI, with a service account. */
export const vertex: Provider = {
  id: "vertex",
  name: "Vertex AI",
  formats: ["generate", "messages", "chat"],
  formatsOf,
  baseUrl: "https://aiplatform.googleapis.com/v1/projects/project/locations/global",
  baseUrlForm: {
    pattern: /\/v1(?:beta1)?\/projects\/[^/]+\/locations\/[^/]+\/*$/,
    example:
      "https://europe-west1-aiplatform.googleapis.com/v1/projects/PROJECT/locations/europe-west1",
  },
  isServedWith: "address",
  address: vertexAddress,
  endpointAddress,
  modelStandIn: { messages: { name: "anthropic_version", value: VERTEX_ANTHROPIC_VERSION } },
  endpoints: ["count_tokens"],
  quirks: { ...COMPATIBLE, hasBareTokenCount: true, cachesWhatIsMarked: true },
  betas: {
    ...Object.fromEntries(BETAS.map((beta) => [beta, beta])),
    "advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19",
  },
  takesUnlistedModels: true,
  needsKey: true,
  exchange: exchangeVertexKey,
  authorize: bearer,
  models: [],
};
