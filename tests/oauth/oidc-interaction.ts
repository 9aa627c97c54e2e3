// The pages of the OpenID server on which a person would sign in and agree: they decide at once, by what the
// browser says in two headers. Refuses nobody: every name is an account.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { InteractionResults, Provider } from "oidc-provider";

/** Who signs in when the browser does not say. */
export const DEFAULT_ACCOUNT = "alice";
/** Header that names the account. */
export const ACCOUNT_HEADER = "x-sign-in-as";
/** Header that denies the request when it says `deny`. */
export const DECISION_HEADER = "x-decision";

/** The address of an account, in the ID token and at userinfo. */
export function emailOf(account: string): string {
  return `${account}@example.test`;
}

/** Answers an interaction of the provider and sends the browser back to it. */
export async function answerInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  const finish = (result: InteractionResults) =>
    provider.interactionFinished(request, response, result);
  if (request.headers[DECISION_HEADER] === "deny") {
    return finish({ error: "access_denied", error_description: "the user said no" });
  }
  if (prompt.name === "login") {
    const account = String(request.headers[ACCOUNT_HEADER] ?? DEFAULT_ACCOUNT);
    return finish({ login: { accountId: account } });
  }
  const grant = new provider.Grant({
    accountId: session?.accountId,
    clientId: String(params["client_id"]),
  });
  grant.addOIDCScope(String(params["scope"] ?? "openid"));
  return finish({ consent: { grantId: await grant.save() } });
}
