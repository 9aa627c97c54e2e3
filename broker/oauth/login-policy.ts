// Decides whether a login may run: what the provider permits, unless the operator answers for the whole
// description. Refuses in the provider's terms, with the place where they stand.

import type { OAuthRules, ProviderDescriptor } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";
import { flowClientId } from "./token-request.ts";

/** A provider and who answers for its description. */
export interface LoginProvider {
  readonly descriptor: ProviderDescriptor;
  /** `operator-client`: ours with the operator's client id. `operator`: described whole by the operator. */
  readonly origin: "built-in" | "operator-client" | "operator";
}

/** The refusal of a login; undefined when it may run. Its codes: `own_app_required`, `login_not_permitted`. */
export function loginRefusal({ descriptor, origin }: LoginProvider): LoginError | undefined {
  const { id, name, oauth } = descriptor;
  if (oauth === undefined) {
    return new LoginError("login_not_permitted", `${name} has no login, only API keys`);
  }
  if (origin === "operator") return missingClientId(id, oauth);
  const { status, reason, link } = oauth.policy;
  if (status === "restricted" || status === "discontinued") {
    return new LoginError(
      "login_not_permitted",
      `logging in to ${name} with Parley is ${status}: ${reason} (${link})`,
      {
        fix: `To answer for it yourself, describe the provider whole under auth.providers.${id}.`,
      },
    );
  }
  return missingClientId(id, oauth);
}

function missingClientId(id: string, oauth: OAuthRules): LoginError | undefined {
  if (oauth.flow.kind === "key" || flowClientId(oauth) !== undefined) return undefined;
  const { reason, link } = oauth.policy;
  return new LoginError(
    "own_app_required",
    `${id} needs a client id of your own: ${reason} (${link})`,
    {
      fix: `Register an app with the provider and set auth.providers.${id}.clientId in config.yml.`,
    },
  );
}
