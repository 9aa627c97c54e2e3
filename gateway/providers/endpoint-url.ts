// Where the endpoints of an upstream are: beside its answers, whatever shape its addresses have.

import { ENDPOINT_FORMATS, type Endpoint } from "./endpoint.ts";
import { callUrl, type Provider } from "./provider.ts";

/** The URL of an endpoint for one model of an upstream. */
export function endpointUrl(provider: Provider, endpoint: Endpoint, model: string): string {
  const call = { format: ENDPOINT_FORMATS[endpoint], model, isStream: false };
  const url = new URL(callUrl(provider, call));
  const path = url.pathname;
  url.pathname =
    endpoint === "embeddings"
      ? path.replace(/\/chat\/completions$/, "/embeddings")
      : `${path}/${endpoint}`;
  return url.href;
}
