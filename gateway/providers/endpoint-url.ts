// Where the endpoints of an upstream are: beside its answers, whatever shape its addresses have.

import type { FormatId } from "#wire";
import { ENDPOINT_FORMATS, type Endpoint } from "./endpoint.ts";
import { callUrl, type Provider } from "./provider.ts";

/** The URL of an endpoint for one model of an upstream, in `format` where more than one dialect has it. */
export function endpointUrl(
  provider: Provider,
  endpoint: Endpoint,
  model: string,
  format: FormatId = ENDPOINT_FORMATS[endpoint],
): string {
  const own = provider.endpointAddress?.(provider.baseUrl, endpoint, format);
  if (own !== undefined) return own;
  const url = new URL(callUrl(provider, { format, model, isStream: false }));
  const path = url.pathname;
  if (format === "generate") url.pathname = path.replace(/:generateContent$/, ":countTokens");
  else if (endpoint === "embeddings") {
    url.pathname = path.replace(/\/chat\/completions$/, "/embeddings");
  } else url.pathname = `${path}/${endpoint}`;
  return url.href;
}
