// Says whether a grant can be renewed here, and builds the one request that renews it.
// The address comes from the descriptor, for MCP grants from the grant; no answer can move it elsewhere.

import { type OAuthCredential, REMOTE_REFRESH } from "#wire";
import { EndpointUrl, type OAuthRules } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";
import {
  fillParams,
  flowClientId,
  type PlaceholderValues,
  placeholdersOf,
  type TokenRequest,
  tokenRequest,
} from "./token-request.ts";

/** How the ids of grants begin that a client obtained from an MCP server. */
export const MCP_PROVIDER_PREFIX = "mcp_oauth:";

const MCP_PARAMS = {
  grant_type: "refresh_token",
  refresh_token: "{refresh}",
  client_id: "{clientId}",
  client_secret: "{clientSecret}",
  resource: "{resource}",
};

/** The rules of a provider that renewing needs; undefined when no descriptor knows the provider. */
export type RefreshRules = Pick<OAuthRules, "policy" | "flow" | "refresh">;

/** True, or the reason why this grant cannot be renewed here; safe to show. */
export function canRefresh(
  provider: string,
  rules: RefreshRules | undefined,
  credential: OAuthCredential,
): true | string {
  if (credential.refresh === REMOTE_REFRESH) return "its refresh token is held by another broker";
  if (provider.startsWith(MCP_PROVIDER_PREFIX)) return canRefreshMcp(credential);
  if (rules === undefined) return "no provider of this name is known here";
  const { refresh, policy } = rules;
  if (refresh === undefined) return "the provider's grants are not renewed";
  if (credential.refresh === credential.access) return "it came without a refresh token";
  const needsClientId = placeholdersOf(refresh.params).has("clientId");
  if (!needsClientId || clientIdOf(rules, credential) !== undefined) return true;
  return `no client id is known for it (${policy.status}): ${policy.reason}`;
}

/**
 * The request that renews a grant. `clientSecret` is the resolved one of the descriptor. Throws LoginError
 * `login_not_permitted` when canRefresh gives a reason.
 */
export function refreshRequest(
  provider: string,
  rules: RefreshRules | undefined,
  credential: OAuthCredential,
  { clientSecret }: { clientSecret?: string | undefined } = {},
): TokenRequest {
  const answer = canRefresh(provider, rules, credential);
  if (answer !== true) {
    throw new LoginError("login_not_permitted", `${provider} cannot be refreshed: ${answer}`);
  }
  const own = credentialValues(credential);
  // Only grants of MCP servers bring an address of their own, whatever fields another grant has.
  if (provider.startsWith(MCP_PROVIDER_PREFIX)) {
    return tokenRequest(own["tokenUrl"] ?? "", fillParams(MCP_PARAMS, own));
  }
  if (rules?.refresh === undefined) throw new Error("canRefresh lets nothing else through");
  const { url, params, format, headers } = rules.refresh;
  const values = {
    ...own,
    clientId: clientIdOf(rules, credential),
    clientSecret: clientSecret ?? own["clientSecret"],
  };
  return tokenRequest(url, fillParams(params, values), {
    format,
    headers: fillParams(headers, values),
  });
}

/** A grant's own fields as placeholder values. */
export function credentialValues(credential: OAuthCredential): PlaceholderValues {
  const fields = Object.entries(credential).filter(
    ([, value]) => typeof value === "string" || typeof value === "number",
  );
  return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]));
}

// Some providers hand out a client id per login; the grant is bound to that one.
function clientIdOf(
  rules: Pick<OAuthRules, "flow">,
  credential: OAuthCredential,
): string | undefined {
  return credentialValues(credential)["clientId"] ?? flowClientId(rules);
}

function canRefreshMcp(credential: OAuthCredential): true | string {
  const { tokenUrl, clientId } = credentialValues(credential);
  if (!tokenUrl) return "it does not say where it was issued (tokenUrl)";
  if (!EndpointUrl.safeParse(tokenUrl).success) return "its tokenUrl is not https";
  return clientId ? true : "it does not say to which client it was issued (clientId)";
}
