// Makes a stored grant out of a token endpoint's answer, at login and at every refresh after it.
// Refuses to lose a field that the grant had, and to believe a lifetime that cannot be true.

import { registerSecret } from "#platform";
import { isJsonObject, OAuthCredential } from "#wire";
import { type OAuthRules, TokenResponse } from "./descriptor.ts";
import { textAt, valueAt } from "./json-path.ts";
import { LoginError } from "./login-error.ts";

/** Longest access-token life that is believed, in s: one year. */
export const MAX_LIFETIME_S = 366 * 86_400;
/** Longest text kept from an answer beside the tokens, in characters. */
export const MAX_KEPT_CHARS = 2_048;

/** Who logged in and when: what no refresh may change. */
const LOGIN_TIME_FIELDS = [
  "authorizedAt",
  "email",
  "accountId",
  "orgId",
  "orgName",
  "projectId",
] as const;

/** When the answer came, and the grant it renews; without one it is a login's answer. */
export interface AnswerContext {
  /** Receive time in ms since the epoch. */
  readonly receivedAtMs: number;
  readonly previous?: OAuthCredential | undefined;
}

/** The part of a provider's rules that reads an answer. */
export type AnswerRules = Pick<OAuthRules, "response" | "refresh" | "flow">;

/** The shape of RFC 6749, for grants that no descriptor describes, such as those of MCP servers. */
const STANDARD_RESPONSE = TokenResponse.parse({});

/**
 * The grant that a parsed token answer stands for, merged over the one it renews. `rules` is undefined for
 * MCP grants. Throws LoginError `token_answer_unusable`, which names what is missing and quotes nothing.
 */
export function credentialFromAnswer(
  rules: AnswerRules | undefined,
  answer: unknown,
  { receivedAtMs, previous }: AnswerContext,
): OAuthCredential {
  const response = rules?.response ?? STANDARD_RESPONSE;
  if (!isJsonObject(answer)) throw unusable("it is not a JSON object");
  if (rules !== undefined && previous === undefined) checkScopes(rules, answer);
  const access = textAt(answer, response.access);
  if (access === undefined) throw unusable(`${response.access} is missing`);
  const credential = OAuthCredential.safeParse({
    ...previous,
    ...keptFields(response.keep, answer),
    ...loginTimeFields(previous, receivedAtMs),
    type: "oauth",
    access,
    refresh: refreshToken(rules, answer, { access, previous }),
    expires: expiryMs(response, answer, receivedAtMs),
  });
  if (!credential.success)
    throw unusable(`${String(credential.error.issues[0]?.path[0])} is malformed`);
  registerSecret(credential.data.access);
  registerSecret(credential.data.refresh);
  return credential.data;
}

function refreshToken(
  rules: AnswerRules | undefined,
  answer: unknown,
  { access, previous }: { access: string; previous: OAuthCredential | undefined },
): string {
  const { refresh: path, expiresIn } = rules?.response ?? STANDARD_RESPONSE;
  const refresh = textAt(answer, path) ?? previous?.refresh;
  if (refresh !== undefined) return refresh;
  // A token without an end, or one that nobody renews, stands for the whole grant; canRefresh knows it.
  const isDurable = valueAt(answer, expiresIn) === undefined;
  if (rules !== undefined && (rules.refresh === undefined || isDurable)) return access;
  throw unusable(`${path} is missing`);
}

function expiryMs(response: OAuthRules["response"], answer: unknown, receivedAtMs: number): number {
  const told = secondsAt(answer, response.expiresIn);
  const lifetimeS = told === undefined ? response.defaultLifetimeS : Math.min(told, MAX_LIFETIME_S);
  return receivedAtMs + lifetimeS * 1000;
}

/** A positive number of seconds, also when it is written as text; undefined for anything else. */
function secondsAt(answer: unknown, path: string): number | undefined {
  const value = valueAt(answer, path);
  const isText = typeof value === "string" && /^\d{1,15}(?:\.\d{1,6})?$/.test(value.trim());
  const seconds = isText ? Number(value) : value;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0
    ? Math.floor(seconds)
    : undefined;
}

function keptFields(
  keep: Readonly<Record<string, string>>,
  answer: unknown,
): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, path] of Object.entries(keep)) {
    const value = valueAt(answer, path);
    const isKept =
      (typeof value === "string" && value !== "" && value.length <= MAX_KEPT_CHARS) ||
      typeof value === "boolean" ||
      (typeof value === "number" && Number.isFinite(value));
    if (isKept) kept[name] = value;
  }
  return kept;
}

function loginTimeFields(
  previous: OAuthCredential | undefined,
  receivedAtMs: number,
): Partial<OAuthCredential> {
  if (previous === undefined) return { authorizedAt: receivedAtMs };
  const known = LOGIN_TIME_FIELDS.filter((name) => previous[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, previous[name]]));
}

// An answer without a scope granted what was asked for (RFC 6749 §5.1).
function checkScopes({ response, flow }: AnswerRules, answer: unknown): void {
  const text = textAt(answer, response.scope);
  if (flow.kind === "key" || text === undefined) return;
  const granted = new Set(text.split(/[\s,]+/));
  const missing = flow.requiredScopes.filter((scope) => !granted.has(scope));
  if (missing.length === 0) return;
  throw new LoginError(
    "token_answer_unusable",
    `the provider did not grant ${missing.join(", ")}, without which the login is of no use`,
    { fix: "Log in again and allow everything that is asked for." },
  );
}

function unusable(problem: string): LoginError {
  return new LoginError(
    "token_answer_unusable",
    `the provider's token answer is unusable: ${problem}`,
  );
}
