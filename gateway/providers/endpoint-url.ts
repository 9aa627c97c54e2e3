// Where the endpoints of an upstream are: beside its answers, whatever shape its addresses have.

import { ENDPOINT_FORMATS, type Endpoint } from "./endpoint.ts";
import { callUrl, type Provider } from "./provider.ts";

/** The URL of an endpoint for one model of an upstream. */
export function endpointUrl(provider: Provider, endpoint: Endpoint, model: string): string {
  const url = new URL(callUrl(provider, { format: ENDPOINT_FORMATS[endpoint], model }));
  const path = url.pathname;
  url.pathname =
    endpoint === "embeddings"
      ? path.replace(/\/chat\/completions$/, "/embeddings")
      : `${path}/${endpoint}`;
  return url.href;
}
