// One login from beginning to end: permission, the browser or another device, the answer, who it was.
// Refuses to hand over anything but a whole credential; it stores nothing itself.

import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { createOutbound, type Outbound } from "#platform";
import type { Credential } from "#wire";
import { type CallbackServer, listenForCallback } from "./callback-server.ts";
import {
  beginCodeFlow,
  type CodeGrant,
  type CodeRequest,
  exchangeCode,
  readCallback,
  readPasted,
} from "./code-flow.ts";
import type { CodeFlow, DeviceFlow, KeyMintingFlow, OAuthRules, Redirect } from "./descriptor.ts";
import { type DeviceContext, pollForToken, requestDeviceCode } from "./device-flow.ts";
import { verifiedIdToken } from "./id-token.ts";
import { identityOf } from "./identity.ts";
import { beginKeyMinting, mintKey, readKeyCallback, readPastedKeyCode } from "./key-minting.ts";
import { LoginError } from "./login-error.ts";
import { loginRefusal, type LoginProvider } from "./login-policy.ts";
import type { RandomBytes } from "./pkce.ts";
import { credentialFromAnswer } from "./token-response.ts";
import { flowClientId } from "./token-request.ts";

/** How long a login in the browser is waited for, in ms. */
export const LOGIN_LIFETIME_MS = 10 * 60_000;

/** How a login talks to the person. */
export interface LoginPrompts {
  /** Shows where to go; opens it where there is a browser. `code` is to be typed there. */
  readonly visit: (place: { url: string; code?: string }) => void;
  /** What the person pastes; absent where nobody can. Rejects when the signal aborts. */
  readonly paste?: ((signal: AbortSignal) => Promise<string>) | undefined;
  /** Says why a paste was of no use, before the next one is read. */
  readonly explain: (problem: string) => void;
}

/** What a login runs with; all but the prompts have their real defaults. */
export interface LoginOptions {
  readonly prompts: LoginPrompts;
  /** UUID of this installation. */
  readonly installId: string;
  /** The resolved secret of an installed app, where its provider gives one. */
  readonly clientSecret?: string | undefined;
  /** Instead of the redirect's own port; only where that is 0. */
  readonly callbackPort?: number | undefined;
  /** Ends the login; the reason is what is thrown. */
  readonly signal?: AbortSignal;
  readonly lifetimeMs?: number;
  readonly outbound?: Outbound;
  readonly nowMs?: () => number;
  readonly monotonicMs?: () => number;
  readonly sleep?: DeviceContext["sleep"];
  readonly random?: RandomBytes;
}

/** A credential that is not stored yet. */
export interface LoggedIn {
  readonly provider: string;
  readonly credential: Credential;
}

interface Session extends Required<
  Omit<LoginOptions, "clientSecret" | "callbackPort" | "lifetimeMs">
> {
  readonly clientSecret: string | undefined;
  readonly callbackPort: number | undefined;
  readonly clientId: string;
}

interface TokenAnswer {
  readonly json: unknown;
  readonly receivedAtMs: number;
  readonly clientId: string;
  /** The client id came with the code, and the grant is bound to it. */
  readonly isIssued: boolean;
  readonly nonce: string | undefined;
}

/** Runs a login. Throws LoginError; `login_expired` when nobody came back in time. */
export async function login(provider: LoginProvider, options: LoginOptions): Promise<LoggedIn> {
  const refusal = loginRefusal(provider);
  const { id, oauth } = provider.descriptor;
  if (refusal !== undefined || oauth === undefined) throw refusal ?? new Error("no rules");
  const { signal = new AbortController().signal, lifetimeMs = LOGIN_LIFETIME_MS } = options;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(expired(lifetimeMs)), lifetimeMs);
  const session: Session = {
    outbound: createOutbound(),
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    sleep: async (ms, until) => pause(ms, undefined, { signal: until }),
    random: randomBytes,
    clientSecret: undefined,
    callbackPort: undefined,
    ...options,
    clientId: flowClientId(oauth) ?? "",
    signal: AbortSignal.any([signal, ending.signal]),
  };
  try {
    return { provider: id, credential: await run(oauth, session) };
  } finally {
    clearTimeout(timer);
  }
}

async function run(rules: OAuthRules, session: Session): Promise<Credential> {
  const { flow } = rules;
  try {
    if (flow.kind === "key") return await runKeyMinting(flow, session);
    const answer =
      flow.kind === "code" ? await runCodeFlow(flow, session) : await runDeviceFlow(flow, session);
    return await grantOf(rules, answer, session);
  } catch (error) {
    // A wait that was cut short reports an abort; why it was aborted is what the person wants to know.
    session.signal.throwIfAborted();
    throw error;
  }
}

async function runCodeFlow(flow: CodeFlow, session: Session): Promise<TokenAnswer> {
  const { clientId, installId, random } = session;
  const server = listen(flow.redirect, session);
  const { redirectUri } = server;
  const request = beginCodeFlow(flow, { clientId, redirectUri, installId, random });
  const grant = await returned<CodeGrant>(server, request.url, session, {
    accept: (params) => readCallback(flow, request, params),
    readPasted: (text) => readPasted(flow, request, text),
  });
  return exchanged(flow, request, grant, session);
}

async function exchanged(
  flow: CodeFlow,
  request: CodeRequest,
  grant: CodeGrant,
  { clientSecret, outbound, signal, nowMs }: Session,
): Promise<TokenAnswer> {
  const json = await exchangeCode(flow, request, { grant, clientSecret, outbound, signal });
  const { clientId, isIssued } = grant;
  return { json, receivedAtMs: nowMs(), clientId, isIssued, nonce: request.nonce };
}

async function runDeviceFlow(flow: DeviceFlow, session: Session): Promise<TokenAnswer> {
  const { clientId, prompts, nowMs } = session;
  const code = await requestDeviceCode(flow, session);
  prompts.visit({ url: code.directUrl ?? code.verificationUrl, code: code.userCode });
  const json = await pollForToken(flow, code, session);
  return { json, receivedAtMs: nowMs(), clientId, isIssued: false, nonce: undefined };
}

async function runKeyMinting(flow: KeyMintingFlow, session: Session): Promise<Credential> {
  const server = listen(flow.redirect, session);
  const request = beginKeyMinting(flow, server.redirectUri, session);
  const code = await returned<string>(server, request.url, session, {
    accept: readKeyCallback,
    readPasted: readPastedKeyCode,
  });
  return mintKey(flow, { code, verifier: request.verifier }, session);
}

async function grantOf(
  rules: OAuthRules,
  { json, receivedAtMs, clientId, isIssued, nonce }: TokenAnswer,
  { outbound, signal, nowMs }: Session,
): Promise<Credential> {
  const credential = credentialFromAnswer(rules, json, { receivedAtMs });
  const idTokenRules = rules.flow.kind === "code" ? rules.flow.idToken : undefined;
  const idToken =
    idTokenRules === undefined || nonce === undefined
      ? undefined
      : await verifiedIdToken(
          idTokenRules,
          json,
          { clientId, nonce, nowMs: nowMs() },
          { outbound, signal },
        );
  const sources = { answer: json, idToken, access: credential.access };
  const identity = await identityOf(rules.identity, sources, { outbound, signal });
  return { ...credential, ...identity, ...(isIssued && { clientId }) };
}

interface Readers<T> {
  readonly accept: (params: URLSearchParams) => T | undefined;
  readonly readPasted: (text: string) => T;
}

/** What comes first: the browser at our callback, the person's paste, or the end of the wait. Closes the server. */
async function returned<T>(
  server: CallbackServer,
  url: string,
  { prompts, signal }: Session,
  { accept, readPasted: read }: Readers<T>,
): Promise<T> {
  const decided = new AbortController();
  const waiting = AbortSignal.any([signal, decided.signal]);
  // Listening before the address is shown, so that nobody else can be what it leads back to.
  const called = server.wait(accept);
  prompts.visit({ url });
  try {
    const ways = [called, aborted(waiting)];
    if (prompts.paste !== undefined)
      ways.push(pasted({ ...prompts, paste: prompts.paste }, read, waiting));
    return await Promise.race(ways);
  } finally {
    decided.abort();
    await server.close();
  }
}

async function pasted<T>(
  { paste, explain }: LoginPrompts & { paste: (signal: AbortSignal) => Promise<string> },
  read: (text: string) => T,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const text = await paste(signal);
    try {
      return read(text);
    } catch (error) {
      const isRepeatable = error instanceof LoginError && error.code === "login_input_unusable";
      if (!isRepeatable) throw error;
      explain(`${error.message}. ${error.fix ?? ""}`);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

function listen(redirect: Redirect, { callbackPort }: Session): CallbackServer {
  return listenForCallback(redirect, { port: callbackPort });
}

function expired(lifetimeMs: number): LoginError {
  const minutes = Math.max(1, Math.round(lifetimeMs / 60_000));
  return new LoginError("login_expired", `nobody came back from the login in ${minutes} min`, {
    fix: "Log in again when you have the browser at hand.",
  });
}
