// A browser round trip that ends in an API key: the URL, what may come back, and the exchange for the key.
// Such providers echo no state; PKCE alone ties the code to this login, so an injected one mints nothing.

import { type Outbound, registerSecret } from "#platform";
import { ApiKeyCredential } from "#wire";
import type { KeyMintingFlow } from "./descriptor.ts";
import { callEndpoint, grantedJson, shownText } from "./endpoint.ts";
import { textAt } from "./json-path.ts";
import { LoginError } from "./login-error.ts";
import { createPkce, type RandomBytes } from "./pkce.ts";
import { tokenRequest } from "./token-request.ts";

/** One key-minting login under way. */
export interface KeyRequest {
  readonly url: string;
  readonly verifier: string;
}

/** Makes the verifier and the URL that begins the login. */
export function beginKeyMinting(
  flow: KeyMintingFlow,
  redirectUri: string,
  { random }: { random?: RandomBytes | undefined } = {},
): KeyRequest {
  const { verifier, challenge } = createPkce(random);
  const url = new URL(flow.authorizeUrl);
  url.searchParams.set(flow.callbackParam, redirectUri);
  url.searchParams.set("code_challenge", challenge);
  url.searchParams.set("code_challenge_method", "S256");
  return { url: url.href, verifier };
}

/** The code in a callback; undefined when there is none. Throws LoginError `login_refused` for an error. */
export function readKeyCallback(params: URLSearchParams): string | undefined {
  const [code, ...others] = params.getAll("code");
  if (code === undefined && params.has("error")) {
    const description = shownText(params.get("error_description"));
    throw new LoginError("login_refused", `the provider said no${description}`);
  }
  return others.length === 0 ? usableCode(code) : undefined;
}

/** The code in what a person pasted: an address or the code alone. Throws LoginError `login_input_unusable`. */
export function readPastedKeyCode(text: string): string {
  const pasted = text.trim();
  const url = /^https?:\/\//i.test(pasted) ? URL.parse(pasted) : null;
  const code = url === null ? usableCode(pasted) : readKeyCallback(url.searchParams);
  if (code !== undefined) return code;
  throw new LoginError("login_input_unusable", "that holds no code of this login", {
    fix: "Paste the whole address that the browser shows after you have allowed the access.",
  });
}

/** Exchanges the code for the key. Throws LoginError. */
export async function mintKey(
  flow: KeyMintingFlow,
  { code, verifier }: { code: string; verifier: string },
  { outbound, signal }: { outbound: Outbound; signal: AbortSignal },
): Promise<ApiKeyCredential> {
  const params = { code, code_verifier: verifier, code_challenge_method: "S256" };
  const request = tokenRequest(flow.mintUrl, params, { format: "json" });
  const answer = grantedJson(await callEndpoint(outbound, request, signal));
  const key = textAt(answer, flow.keyPath);
  const credential = ApiKeyCredential.safeParse({ type: "api_key", key, source: "login" });
  if (!credential.success) {
    const problem = `the provider's answer holds no usable key at ${flow.keyPath}`;
    throw new LoginError("token_answer_unusable", problem);
  }
  registerSecret(credential.data.key);
  return credential.data;
}

function usableCode(code: string | undefined): string | undefined {
  if (code === undefined || !/^[\x21-\x7e]{1,4096}$/.test(code)) return undefined;
  registerSecret(code);
  return code;
}
