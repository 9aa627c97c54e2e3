// Tells a provider at logout that a grant is no longer wanted. Best effort: a grant is removed here whatever
// the provider says, and the caller is told what it said.

import type { Outbound } from "#platform";
import type { OAuthCredential } from "#wire";
import type { OAuthRules } from "./descriptor.ts";
import { callEndpoint } from "./endpoint.ts";
import { LoginError } from "./login-error.ts";
import { credentialValues } from "./refresh-request.ts";
import { fillParams, flowClientId, tokenRequest } from "./token-request.ts";

/** What became of it: done, the provider offers no way, or it did not work. */
export type Revocation = "revoked" | "not_offered" | "failed";

/** Asks the provider to end a grant (RFC 7009). */
export async function revokeGrant(
  rules: OAuthRules | undefined,
  credential: OAuthCredential,
  call: { outbound: Outbound; signal: AbortSignal; clientSecret?: string | undefined },
): Promise<Revocation> {
  if (rules?.revoke === undefined) return "not_offered";
  const own = credentialValues(credential);
  const values = {
    ...own,
    clientId: own["clientId"] ?? flowClientId(rules),
    clientSecret: call.clientSecret,
  };
  const request = tokenRequest(rules.revoke.url, fillParams(rules.revoke.params, values));
  try {
    const { status } = await callEndpoint(call.outbound, request, call.signal);
    return status >= 200 && status < 300 ? "revoked" : "failed";
  } catch (error) {
    if (error instanceof LoginError) return "failed";
    throw error;
  }
}
