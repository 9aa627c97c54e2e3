// What a login would do, without doing it: for `login --dry-run` and for whoever wants to know first.
// Asks nobody, binds no port, and writes nothing.

import { beginCodeFlow } from "./code-flow.ts";
import type { OAuthRules, Redirect } from "./descriptor.ts";
import { beginKeyMinting } from "./key-minting.ts";
import type { LoginError } from "./login-error.ts";
import { loginRefusal, type LoginProvider } from "./login-policy.ts";

/** What a login would do; `{…}` in the URL stands for what is made at login. */
export interface LoginPlan {
  readonly provider: string;
  readonly flow: OAuthRules["flow"]["kind"];
  readonly url: string;
  readonly tokenUrl: string;
  /** Ports tried in order; 0 is any free one. Empty where no browser comes back. */
  readonly callbackPorts: readonly number[];
  readonly scopes: readonly string[];
  readonly asksFor: string;
  readonly policy: OAuthRules["policy"];
  readonly source: string;
  /** Why it would not run; null when it would. */
  readonly refusal: LoginError | null;
}

/** The plan of a provider's login; undefined when it has none. */
export function loginPlan(provider: LoginProvider): LoginPlan | undefined {
  const { id, oauth } = provider.descriptor;
  if (oauth === undefined) return undefined;
  const { flow, asksFor, policy, source } = oauth;
  return {
    provider: id,
    flow: flow.kind,
    url: plannedUrl(flow),
    tokenUrl: flow.kind === "key" ? flow.mintUrl : flow.tokenUrl,
    callbackPorts: callbackPorts(flow),
    scopes: flow.kind === "key" ? [] : flow.scopes,
    asksFor,
    policy,
    source,
    refusal: loginRefusal(provider) ?? null,
  };
}

/** The ports that a login may come back to, in order; empty where no browser comes back. */
export function callbackPorts(flow: OAuthRules["flow"]): number[] {
  return flow.kind === "device" ? [] : [flow.redirect.port, ...flow.redirect.alternatePorts];
}

const PLACEHOLDERS = { state: "{state}", nonce: "{nonce}", code_challenge: "{challenge}" };

function plannedUrl(flow: OAuthRules["flow"]): string {
  if (flow.kind === "device") return flow.deviceUrl;
  const redirectUri = plannedRedirect(flow.redirect);
  const begun =
    flow.kind === "key"
      ? beginKeyMinting(flow, redirectUri)
      : beginCodeFlow(flow, {
          clientId: flow.clientId ?? "{clientId}",
          redirectUri,
          installId: "{installId}",
        });
  const url = new URL(begun.url);
  for (const [name, placeholder] of Object.entries(PLACEHOLDERS)) {
    if (url.searchParams.has(name)) url.searchParams.set(name, placeholder);
  }
  return url.href.replaceAll("%7B", "{").replaceAll("%7D", "}");
}

function plannedRedirect({ host, port, path }: Redirect): string {
  return `http://${host}:${port === 0 ? "{port}" : port}${path}`;
}
