// Verifies the ID token of a login: who signed it, for whom, for which login, and until when.
// Refuses an algorithm that the descriptor does not list; the token's own header decides nothing.

import { isSameToken, type Outbound } from "#platform";
import { isJsonObject } from "#wire";
import type { JSONWebKeySet, JWTPayload } from "jose";
import { z } from "zod";
import type { IdTokenRules } from "./descriptor.ts";
import { callEndpoint } from "./endpoint.ts";
import { textAt } from "./json-path.ts";
import { LoginError } from "./login-error.ts";

/** How far the provider's clock may be from ours, in s. */
export const CLOCK_LEEWAY_S = 60;

/** What an ID token must agree with. */
export interface ExpectedIdToken {
  readonly clientId: string;
  readonly nonce: string;
  readonly nowMs: number;
}

const KeySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });

/** The claims of a token answer's ID token. Throws LoginError `id_token_invalid`. */
export async function verifiedIdToken(
  rules: IdTokenRules,
  answer: unknown,
  expected: ExpectedIdToken,
  { outbound, signal }: { outbound: Outbound; signal: AbortSignal },
): Promise<JWTPayload> {
  const token = textAt(answer, "id_token");
  if (token === undefined) throw invalid("the answer holds none");
  const keys = await fetchKeys(rules, { outbound, signal });
  const claims = await verifiedClaims(token, keys, rules, expected);
  const nonce = claims["nonce"];
  if (typeof nonce !== "string" || !isSameToken(expected.nonce, nonce)) {
    throw invalid("it was made for another login (nonce)");
  }
  // With several audiences the one it was issued to must be us (OpenID Connect Core §3.1.3.7).
  const isShared = Array.isArray(claims.aud) && claims.aud.length > 1;
  if ((isShared || claims["azp"] !== undefined) && claims["azp"] !== expected.clientId) {
    throw invalid("it was issued to another client (azp)");
  }
  return claims;
}

async function verifiedClaims(
  token: string,
  keys: JSONWebKeySet,
  rules: IdTokenRules,
  { clientId, nowMs }: ExpectedIdToken,
): Promise<JWTPayload> {
  // Loaded here: most starts of the program verify nothing.
  const { createLocalJWKSet, errors, jwtVerify } = await import("jose");
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      issuer: rules.issuer,
      audience: clientId,
      algorithms: rules.algorithms,
      requiredClaims: ["exp", "iat", "sub"],
      clockTolerance: CLOCK_LEEWAY_S,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (error) {
    throw invalid(reasonOf(error, errors));
  }
}

async function fetchKeys(
  { jwksUrl }: IdTokenRules,
  { outbound, signal }: { outbound: Outbound; signal: AbortSignal },
): Promise<JSONWebKeySet> {
  const headers = { accept: "application/json" };
  const answer = await callEndpoint(outbound, { url: jwksUrl, method: "GET", headers }, signal);
  const keySet = KeySet.safeParse(answer.json);
  if (answer.status === 200 && isJsonObject(answer.json) && keySet.success) {
    return keySet.data;
  }
  throw invalid(`${answer.host} answered ${answer.status} instead of its keys`);
}

// The library's messages name claims and never values, but only these are known to.
function reasonOf(error: unknown, errors: typeof import("jose").errors): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is wrong`;
  if (error instanceof errors.JOSEAlgNotAllowed) return "its algorithm is not allowed";
  if (error instanceof errors.JWKSNoMatchingKey) return "no key of the provider signed it";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is wrong";
  return "it is malformed";
}

function invalid(problem: string): LoginError {
  return new LoginError("id_token_invalid", `the provider's ID token was refused: ${problem}`, {
    fix: "Log in again; if it happens again, check this machine's clock, then the provider's status.",
  });
}
