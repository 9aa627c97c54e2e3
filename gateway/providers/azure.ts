// Azure OpenAI: OpenAI's models as deployments of the operator's own resource. The address is theirs, and a
// model id here is the name of a deployment. Refuses to be served before it is told where the resource is.

import type { Provider, UpstreamCall } from "./provider.ts";

/** API version that is asked for when the base URL names none; the first with Responses was 2025-03-01-preview. */
export const DEFAULT_API_VERSION = "2025-04-01-preview";

/**
 * `https://RESOURCE.openai.azure.com` in any form Azure's portal and SDKs show it: with `/openai`, with a deployment,
 * with `?api-version=`; `/openai/v1` is the newer surface, which knows no versions.
 */
function azureAddress(baseUrl: string, { format, model }: UpstreamCall): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  const leaf = format === "chat" ? "/chat/completions" : "/responses";
  if (path.endsWith("/v1")) {
    url.pathname = path + leaf;
    return url.href;
  }
  const root = path.includes("/openai") ? path : `${path}/openai`;
  const resource = root.replace(/\/deployments\/[^/]+$/, "");
  const deployment = root === resource ? `${root}/deployments/${encodeURIComponent(model)}` : root;
  // Only Chat has the deployment in its path; Responses takes it as the body's model.
  url.pathname = (format === "chat" ? deployment : resource) + leaf;
  if (!url.searchParams.has("api-version")) {
    url.searchParams.set("api-version", DEFAULT_API_VERSION);
  }
  return url.href;
}

/** An Azure resource with one of its keys. */
export const azure: Provider = {
  id: "azure",
  name: "Azure OpenAI",
  formats: ["responses", "chat"],
  baseUrl: "https://resource.openai.azure.com",
  baseUrlEnv: "AZURE_OPENAI_ENDPOINT",
  isServedWith: "address",
  address: azureAddress,
  endpoints: ["embeddings"],
  quirks: {},
  takesUnlistedModels: true,
  needsKey: true,
  authorize: (key) => ({ "api-key": key }),
  models: [],
};
