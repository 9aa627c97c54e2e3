// Login on another device (RFC 8628): a code is shown, the person types it elsewhere, we ask until they did.
// Refuses to ask faster than it is told to, or longer than the code lives.

import { type Outbound, registerSecret } from "#platform";
import type { Json } from "#wire";
import type { DeviceFlow } from "./descriptor.ts";
import { EndpointUrl } from "./descriptor.ts";
import { callEndpoint, grantedJson, oauthError } from "./endpoint.ts";
import { textAt, valueAt } from "./json-path.ts";
import { LoginError } from "./login-error.ts";
import { tokenRequest } from "./token-request.ts";

/** Pause between two polls when the provider names none, in s. */
export const DEFAULT_POLL_INTERVAL_S = 5;
/** Longest pause between two polls, whatever the provider says, in s. */
export const MAX_POLL_INTERVAL_S = 60;
/** What `slow_down` adds to the pause, in s. */
export const SLOW_DOWN_S = 5;
/** Life of a code when the provider names none, in s; also the longest. */
export const MAX_DEVICE_CODE_LIFE_S = 1_800;

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

/** What the person must do. */
export interface DeviceCode {
  readonly deviceCode: string;
  /** To be typed at the address. */
  readonly userCode: string;
  readonly verificationUrl: string;
  /** The address with the code in it, where the provider offers one. */
  readonly directUrl: string | undefined;
  readonly intervalS: number;
  readonly lifetimeS: number;
}

/** What both steps need. */
export interface DeviceContext {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly outbound: Outbound;
  readonly signal: AbortSignal;
  /** A clock that never jumps, in ms. */
  readonly monotonicMs: () => number;
  /** Rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Asks for a code. Throws LoginError. */
export async function requestDeviceCode(
  flow: DeviceFlow,
  { clientId, outbound, signal }: DeviceContext,
): Promise<DeviceCode> {
  const scope = flow.scopes.length > 0 ? { scope: flow.scopes.join(" ") } : {};
  const request = tokenRequest(
    flow.deviceUrl,
    { client_id: clientId, ...scope },
    { format: flow.tokenFormat },
  );
  const answer = grantedJson(await callEndpoint(outbound, request, signal));
  const deviceCode = textAt(answer, "device_code");
  const userCode = textAt(answer, "user_code");
  const verificationUrl =
    shownUrl(textAt(answer, "verification_uri") ?? textAt(answer, "verification_url")) ??
    flow.verificationUrl;
  if (deviceCode === undefined || userCode === undefined || verificationUrl === undefined) {
    throw unusable("device_code, user_code or verification_uri is missing");
  }
  if (!/^[\w -]{1,64}$/.test(userCode)) throw unusable("user_code is malformed");
  registerSecret(deviceCode);
  return {
    deviceCode,
    userCode,
    verificationUrl,
    directUrl: shownUrl(textAt(answer, "verification_uri_complete")),
    intervalS: bounded(valueAt(answer, "interval"), DEFAULT_POLL_INTERVAL_S, MAX_POLL_INTERVAL_S),
    lifetimeS: bounded(
      valueAt(answer, "expires_in"),
      MAX_DEVICE_CODE_LIFE_S,
      MAX_DEVICE_CODE_LIFE_S,
    ),
  };
}

/** Asks until the person has decided. Throws LoginError `login_refused` or `login_expired`. */
export async function pollForToken(
  flow: DeviceFlow,
  code: DeviceCode,
  context: DeviceContext,
): Promise<Json> {
  const { monotonicMs, sleep, signal } = context;
  const endsAtMs = monotonicMs() + code.lifetimeS * 1000;
  let { intervalS } = code;
  while (monotonicMs() + intervalS * 1000 < endsAtMs) {
    await sleep(intervalS * 1000, signal);
    const outcome = await pollOnce(flow, code, context);
    if ("answer" in outcome) return outcome.answer;
    intervalS = Math.min(intervalS + outcome.slowerByS, MAX_POLL_INTERVAL_S);
  }
  throw expired();
}

type Poll = { readonly answer: Json } | { readonly slowerByS: number };

async function pollOnce(
  flow: DeviceFlow,
  { deviceCode }: DeviceCode,
  { clientId, clientSecret, outbound, signal }: DeviceContext,
): Promise<Poll> {
  const params = {
    ...flow.tokenParams,
    grant_type: GRANT_TYPE,
    device_code: deviceCode,
    client_id: clientId,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
  };
  const request = tokenRequest(flow.tokenUrl, params, { format: flow.tokenFormat });
  const called = await callEndpoint(outbound, request, signal).catch(unreachable);
  // A proxy's error page or a lost connection says nothing about the person's decision.
  if (called === undefined) return { slowerByS: 0 };
  const error = oauthError(called.json);
  if (error === "authorization_pending") return { slowerByS: 0 };
  if (error === "slow_down" || called.status === 429) return { slowerByS: SLOW_DOWN_S };
  if (error === "expired_token") throw expired();
  if (error === undefined && !(called.status >= 200 && called.status < 300)) {
    return { slowerByS: 0 };
  }
  if (called.status >= 500 || called.json === undefined) return { slowerByS: 0 };
  return { answer: grantedJson(called) };
}

function unreachable(error: unknown): undefined {
  if (!(error instanceof LoginError)) throw error;
}

// The address is shown and opened: it must not be one that runs something.
function shownUrl(text: string | undefined): string | undefined {
  const url = EndpointUrl.safeParse(text);
  return url.success ? new URL(url.data).href : undefined;
}

function bounded(value: unknown, otherwise: number, max: number): number {
  const seconds = typeof value === "string" ? Number(value) : value;
  const isUsable = typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0;
  return isUsable ? Math.min(seconds, max) : otherwise;
}

function expired(): LoginError {
  return new LoginError("login_expired", "the code was not used in time", {
    fix: "Log in again and type the new code before it expires.",
  });
}

function unusable(problem: string): LoginError {
  return new LoginError(
    "token_answer_unusable",
    `the provider's device-code answer is unusable: ${problem}`,
  );
}
