// The OpenID server of the tests as an operator would describe it in `auth.providers`.

import { CLIENTS } from "./oauth-peer.ts";
import type { OidcServer } from "./oidc-server.ts";

/** The id under which it is described. */
export const IDP = "test-idp";

/** Its entry; `flow` and the rest can be changed per test. */
export function describeOidc(
  server: OidcServer,
  { flow = {}, ...changes }: { readonly flow?: object } & Readonly<Record<string, unknown>> = {},
) {
  return {
    name: "Test IdP",
    oauth: {
      policy: { status: "sanctioned", reason: "It is ours.", link: "https://idp.test/rules" },
      source: "the tests",
      asksFor: "who you are",
      flow: {
        kind: "code",
        clientId: CLIENTS.public.id,
        scopes: ["openid", "email", "offline_access"],
        authorizeUrl: server.authorizationEndpoint,
        authorizeParams: { prompt: "consent" },
        tokenUrl: server.tokenEndpoint,
        redirect: { host: "127.0.0.1", port: 0, path: "/callback" },
        issuer: server.issuer,
        idToken: { issuer: server.issuer, jwksUrl: server.jwksUri, algorithms: ["RS256"] },
        ...flow,
      },
      refresh: {
        url: server.tokenEndpoint,
        params: {
          grant_type: "refresh_token",
          refresh_token: "{refresh}",
          client_id: "{clientId}",
        },
      },
      revoke: {
        url: server.revocationEndpoint,
        params: { token: "{refresh}", client_id: "{clientId}" },
      },
      identity: { from: "id_token", fields: { email: ["email"], accountId: ["sub"] } },
      ...changes,
    },
  };
}
