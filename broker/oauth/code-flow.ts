// Authorization code with PKCE: the URL the browser is sent to, what may come back, and the exchange.
// Refuses a callback that is not an answer to exactly this login, from exactly this provider.

import { isSameToken, type Outbound, registerSecret } from "#platform";
import type { Json } from "#wire";
import type { CodeFlow } from "./descriptor.ts";
import { callEndpoint, grantedJson, shownText } from "./endpoint.ts";
import { LoginError } from "./login-error.ts";
import { createPkce, type RandomBytes, randomText } from "./pkce.ts";
import { fillParams, tokenRequest } from "./token-request.ts";

/** Longest code accepted, in characters. */
export const MAX_CODE_CHARS = 4_096;

/** One login under way; everything but the URL and the addresses is secret. */
export interface CodeRequest {
  /** Where the browser goes; holds the state, so it is shown to the person and to nobody else. */
  readonly url: string;
  readonly redirectUri: string;
  readonly clientId: string;
  readonly state: string;
  readonly verifier: string | undefined;
  readonly nonce: string | undefined;
}

/** A code that may be exchanged, and the client id to do it with. */
export interface CodeGrant {
  readonly code: string;
  readonly clientId: string;
  /** True when the provider handed out the client id with the code. */
  readonly isIssued: boolean;
}

/** What a login is begun with. */
export interface BeginOptions {
  readonly clientId: string;
  readonly redirectUri: string;
  /** UUID of this installation. */
  readonly installId: string;
  readonly random?: RandomBytes | undefined;
}

/** Makes the one-use values of a login and the URL that begins it. */
export function beginCodeFlow(flow: CodeFlow, options: BeginOptions): CodeRequest {
  const { clientId, redirectUri, installId, random } = options;
  const state = randomText(random);
  const pkce = flow.pkce ? createPkce(random) : undefined;
  const nonce = flow.idToken === undefined ? undefined : randomText(random);
  const url = new URL(flow.authorizeUrl);
  // Ours come last: no descriptor can set the values that protect the login.
  const params = {
    ...fillParams(flow.authorizeParams, { installId }),
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    ...(flow.scopes.length > 0 && { scope: flow.scopes.join(" ") }),
    state,
    ...(pkce && { code_challenge: pkce.challenge, code_challenge_method: "S256" }),
    ...(nonce !== undefined && { nonce }),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return { url: url.href, redirectUri, clientId, state, verifier: pkce?.verifier, nonce };
}

/**
 * The grant in a callback's parameters; undefined when they do not answer this login, which then goes on.
 * Throws LoginError `login_mix_up` for another issuer's answer, `login_refused` for the provider's no.
 */
export function readCallback(
  flow: CodeFlow,
  request: CodeRequest,
  params: URLSearchParams,
): CodeGrant | undefined {
  const state = only(params, "state");
  if (state === undefined || !isSameToken(request.state, state)) return undefined;
  checkIssuer(flow, params);
  if (params.has("error")) throw providerRefusal(params);
  const code = only(params, "code");
  return code === undefined ? undefined : grantOf(flow, request, code, params);
}

/**
 * The grant in what a person pasted: the whole address the browser ended at, or the code alone. Throws
 * LoginError `login_input_unusable` for anything else, and what readCallback throws.
 */
export function readPasted(flow: CodeFlow, request: CodeRequest, text: string): CodeGrant {
  const pasted = text.trim();
  const url = /^https?:\/\//i.test(pasted) ? URL.parse(pasted) : null;
  const grant =
    url === null
      ? readPastedCode(flow, request, pasted)
      : readCallback(flow, request, url.searchParams);
  if (grant !== undefined) return grant;
  throw new LoginError("login_input_unusable", "that is not the answer to this login", {
    fix: "Paste the whole address that the browser shows after you have allowed the access.",
  });
}

/** Exchanges a code for the token answer. Throws LoginError. */
export async function exchangeCode(
  flow: CodeFlow,
  request: CodeRequest,
  {
    grant,
    clientSecret,
    outbound,
    signal,
  }: {
    grant: CodeGrant;
    clientSecret: string | undefined;
    outbound: Outbound;
    signal: AbortSignal;
  },
): Promise<Json> {
  const params = {
    ...flow.tokenParams,
    grant_type: "authorization_code",
    code: grant.code,
    redirect_uri: request.redirectUri,
    client_id: grant.clientId,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    ...(request.verifier !== undefined && { code_verifier: request.verifier }),
    ...(flow.codeCarriesState && { state: request.state }),
  };
  const { tokenUrl, tokenFormat: format, tokenHeaders: headers } = flow;
  return grantedJson(
    await callEndpoint(outbound, tokenRequest(tokenUrl, params, { format, headers }), signal),
  );
}

// Without PKCE nothing but the state ties a code to this login, so a bare one is not enough.
function readPastedCode(
  flow: CodeFlow,
  request: CodeRequest,
  pasted: string,
): CodeGrant | undefined {
  const [code = "", state, ...rest] = pasted.split("#");
  if (rest.length > 0 || (state === undefined && !flow.pkce)) return undefined;
  if (state !== undefined && !isSameToken(request.state, state)) return undefined;
  return grantOf(flow, request, code, new URLSearchParams());
}

function grantOf(
  flow: CodeFlow,
  request: CodeRequest,
  code: string,
  params: URLSearchParams,
): CodeGrant | undefined {
  if (!/^[\x21-\x7e]+$/.test(code) || code.length > MAX_CODE_CHARS) return undefined;
  registerSecret(code);
  const issued =
    flow.issuedClientIdParam === undefined ? undefined : only(params, flow.issuedClientIdParam);
  if (issued === undefined || !/^[\x21-\x7e]{1,256}$/.test(issued)) {
    return { code, clientId: request.clientId, isIssued: false };
  }
  return { code, clientId: issued, isIssued: true };
}

// RFC 9207: an answer that names another issuer was meant for a login that somebody else began. Where the
// descriptor expects none, an issuer that is named must still be the one that signs the ID tokens.
function checkIssuer(flow: CodeFlow, params: URLSearchParams): void {
  const issuer = only(params, "iss");
  const expected = flow.issuer ?? (params.has("iss") ? flow.idToken?.issuer : undefined);
  if (expected === undefined || issuer === expected) return;
  throw new LoginError(
    "login_mix_up",
    "the answer came from another issuer than the login was sent to; it was not used",
    { fix: "Log in again; if it happens again, something stands between you and the provider." },
  );
}

function providerRefusal(params: URLSearchParams): LoginError {
  const error = only(params, "error") ?? "";
  const reason = /^[\w.-]{1,64}$/.test(error) ? error : "unknown_error";
  const description = shownText(only(params, "error_description"));
  return new LoginError("login_refused", `the provider said no: ${reason}${description}`);
}

/** A parameter that is there once; a doubled one could be read in two ways. */
function only(params: URLSearchParams, name: string): string | undefined {
  const [value, ...others] = params.getAll(name);
  return others.length === 0 && value !== "" ? value : undefined;
}
