// Finds out who logged in, from wherever the descriptor says it stands. For display and for telling accounts
// apart only: nothing is permitted because of it. Refuses to lose a grant over it: unknown is an answer.

import type { Outbound } from "#platform";
import type { OAuthCredential } from "#wire";
import type { JWTPayload } from "jose";
import type { OAuthRules } from "./descriptor.ts";
import { callEndpoint } from "./endpoint.ts";
import { textAt } from "./json-path.ts";
import { LoginError } from "./login-error.ts";

/** Longest piece of an identity that is kept, in characters. */
export const MAX_IDENTITY_CHARS = 320;

/** The fields of a grant that say whose it is. */
export type Identity = Partial<
  Pick<OAuthCredential, "email" | "accountId" | "orgId" | "orgName" | "projectId">
>;

/** Where an identity may be read from. */
export interface IdentitySources {
  readonly answer: unknown;
  /** Claims of the ID token, verified; undefined where none was. */
  readonly idToken: JWTPayload | undefined;
  readonly access: string;
}

/** Who logged in; empty when nothing says. */
export async function identityOf(
  rules: OAuthRules["identity"],
  sources: IdentitySources,
  call: { outbound: Outbound; signal: AbortSignal },
): Promise<Identity> {
  if (rules === undefined) return {};
  const source = await sourceOf(rules, sources, call);
  const found = Object.entries(rules.fields).flatMap(([field, paths]) => {
    const text = firstText(source, paths);
    return text === undefined ? [] : [[field, text] as const];
  });
  return Object.fromEntries(found);
}

async function sourceOf(
  { from, userinfoUrl }: NonNullable<OAuthRules["identity"]>,
  { answer, idToken, access }: IdentitySources,
  { outbound, signal }: { outbound: Outbound; signal: AbortSignal },
): Promise<unknown> {
  if (from === "response") return answer;
  if (from === "id_token") return idToken;
  if (from === "access_token") return unverifiedClaims(access);
  return userinfoUrl === undefined
    ? undefined
    : askUserinfo(userinfoUrl, access, { outbound, signal });
}

async function askUserinfo(
  url: string,
  access: string,
  { outbound, signal }: { outbound: Outbound; signal: AbortSignal },
): Promise<unknown> {
  const headers = { accept: "application/json", authorization: `Bearer ${access}` };
  try {
    const { status, json } = await callEndpoint(outbound, { url, method: "GET", headers }, signal);
    return status === 200 ? json : undefined;
  } catch (error) {
    if (error instanceof LoginError) return undefined;
    throw error;
  }
}

// The provider's own API checks the token; we only read the name on it.
async function unverifiedClaims(token: string): Promise<JWTPayload | undefined> {
  const { decodeJwt } = await import("jose");
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

function firstText(source: unknown, paths: readonly string[]): string | undefined {
  const texts = paths.map((path) =>
    textAt(source, path)
      ?.replace(/\p{C}+/gu, "")
      .trim(),
  );
  return texts.find((text) => text)?.slice(0, MAX_IDENTITY_CHARS);
}
