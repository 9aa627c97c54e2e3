// Where the endpoints of an upstream are.

import { ENDPOINT_FORMATS, type Endpoint } from "./endpoint.ts";
import { upstreamUrl } from "./provider.ts";

/** The URL of an endpoint behind a base URL. */
export function endpointUrl(baseUrl: string, endpoint: Endpoint): string {
  if (endpoint === "embeddings") return `${baseUrl.replace(/\/+$/, "")}/embeddings`;
  return `${upstreamUrl(baseUrl, ENDPOINT_FORMATS[endpoint])}/${endpoint}`;
}
