// Whatever a provider, or somebody in its place, answers: a usable grant or a typed refusal, and no word of it.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { OAuthCredential } from "#wire";
import { beginCodeFlow, readCallback, readPasted } from "./code-flow.ts";
import { type CodeFlow, OAuthRules } from "./descriptor.ts";
import { grantedJson } from "./endpoint.ts";
import { LoginError } from "./login-error.ts";
import { credentialFromAnswer } from "./token-response.ts";

const RUNS = 10_000;
const CANARY = "canary";

const rules = OAuthRules.parse({
  policy: { status: "sanctioned", reason: "Open.", link: "https://idp.example/rules" },
  source: "a test",
  asksFor: "nothing",
  flow: {
    kind: "code",
    clientId: "client-1",
    requiredScopes: ["use"],
    authorizeUrl: "https://idp.example/auth",
    tokenUrl: "https://idp.example/token",
    redirect: { host: "127.0.0.1", port: 0, path: "/callback" },
    issuer: "https://idp.example",
  },
  response: { keep: { plan: "plan.name", region: "[a.b].0" } },
  refresh: { url: "https://idp.example/token", params: { refresh_token: "{refresh}" } },
});
const flow = rules.flow as CodeFlow;

// Built from entries: an arbitrary that assigns cannot make a name of Object.prototype a key of its own.
const objectOf = (keys: fc.Arbitrary<string>, values: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(keys, values), { maxLength: 8 }).map((entries) => Object.fromEntries(entries));

const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(CANARY, `${CANARY}\r\n`, 1e308, -1, Number.NaN, "3600", null, true),
    fc.string({ unit: "binary" }).map((text) => `${CANARY}${text}`),
    fc.double(),
    fc.array(tie("anything"), { maxLength: 4 }),
    objectOf(fc.string(), tie("anything")),
  ),
}));
const names = fc.constantFrom(
  "access_token",
  "refresh_token",
  "expires_in",
  "scope",
  "error",
  "error_description",
  "plan",
  "a.b",
  "__proto__",
  "constructor",
  "code",
  "state",
  "iss",
);
const answers = fc.oneof(anything, objectOf(names, anything));

/** Runs, lets only a LoginError out, and looks for the canary in it. */
function refusalOf(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof LoginError)) throw error;
    return error;
  }
}

test("a token answer is a valid grant or a refusal that quotes nothing", () => {
  const previous: OAuthCredential = {
    type: "oauth",
    access: "a",
    refresh: "r",
    expires: 1,
    email: "e",
  };
  const property = fc.property(answers, fc.boolean(), (answer, isRefresh) => {
    const error = refusalOf(() => {
      const given = isRefresh ? { receivedAtMs: 1, previous } : { receivedAtMs: 1 };
      const grant = credentialFromAnswer(rules, answer, given);
      expect(OAuthCredential.safeParse(grant).success).toBeTrue();
      expect(Number.isFinite(grant.expires)).toBeTrue();
      if (isRefresh) expect(grant.email).toBe("e");
    });
    expect(String(error)).not.toContain(CANARY);
  });
  fc.assert(property, { numRuns: RUNS });
});

test("an answer that grants nothing is a refusal of one printable line", () => {
  const property = fc.property(answers, fc.integer({ min: 100, max: 599 }), (json, status) => {
    const error = refusalOf(() =>
      grantedJson({ host: "idp.example", status, json: json as never }),
    );
    if (error instanceof LoginError) expect(error.message).toMatch(/^[\x20-\x7e]*$/);
  });
  fc.assert(property, { numRuns: RUNS });
});

test("a callback or a paste without this login's state gives no code", () => {
  const options = { clientId: "c", redirectUri: "http://127.0.0.1:1/callback", installId: "i" };
  const request = beginCodeFlow({ ...flow, pkce: false }, options);
  const bare = { ...flow, pkce: false };
  const fields = fc.array(fc.tuple(names, fc.string()));
  const property = fc.property(fields, fc.string(), (pairs, text) => {
    const params = new URLSearchParams(pairs);
    expect(readCallback(bare, request, params)).toBeUndefined();
    expect(refusalOf(() => readPasted(bare, request, text))).toBeInstanceOf(LoginError);
    const address = `${request.redirectUri}?${params}`;
    expect(refusalOf(() => readPasted(bare, request, address))).toBeInstanceOf(LoginError);
  });
  fc.assert(property, { numRuns: RUNS });
});
