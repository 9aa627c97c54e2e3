// The plainest client that can talk to a peer: one fetch per call, nothing retried, nothing judged. The tests of
// the peers use it; the broker under test brings its own.

import { CLIENTS, type OAuthPeer } from "./oauth-peer.ts";

/** Posts a form to the token endpoint, as the public client unless `parameters` say otherwise. */
export function postToken(
  peer: OAuthPeer,
  parameters: Readonly<Record<string, string>>,
  init: RequestInit = {},
): Promise<Response> {
  return fetch(peer.tokenEndpoint, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ client_id: CLIENTS.public.id, ...parameters }),
    ...init,
  });
}

/** Uses a refresh token once. */
export function postRefresh(
  peer: OAuthPeer,
  refreshToken: string,
  init: RequestInit = {},
): Promise<Response> {
  const parameters = { grant_type: "refresh_token", refresh_token: refreshToken };
  return postToken(peer, parameters, init);
}
