// Every route that wants a key, in one list: what is not here is not served, and the 404 names what is.

import type { Policy } from "../keys/policy.ts";
import { answerRoutes } from "./answer-routes.ts";
import { endpointRoutes, type EndpointParts } from "./endpoint-routes.ts";
import type { CredentialCheck } from "../credentials/credential-check.ts";
import { credentialRoutes } from "./credential-routes.ts";
import { Exchanges, type ExchangeParts } from "./exchanges.ts";
import { metricsRoute, type MetricsRouteParts } from "./metrics-route.ts";
import { modelRoutes, type ModelRouteParts } from "./model-routes.ts";
import { responsesRoutes, type ResponsesParts } from "./responses-routes.ts";
import type { Route } from "./route.ts";
import { usageRoute, type UsageRouteParts } from "./usage-route.ts";

/** What the routes are built from. */
export interface RouteParts
  extends
    EndpointParts,
    ResponsesParts,
    ExchangeParts,
    MetricsRouteParts,
    ModelRouteParts,
    UsageRouteParts {
  readonly policy: Policy;
  readonly credentialCheck: CredentialCheck;
}

/** To add one: a file beside this one that makes it, and a line here. */
export function gatewayRoutes(parts: RouteParts): readonly Route[] {
  const exchanges = new Exchanges(parts);
  return [
    ...answerRoutes(parts, exchanges),
    ...endpointRoutes(parts, exchanges),
    ...responsesRoutes(parts, exchanges),
    ...modelRoutes(parts),
    ...credentialRoutes(parts.credentialCheck),
    metricsRoute(parts),
    usageRoute(parts),
  ];
}
