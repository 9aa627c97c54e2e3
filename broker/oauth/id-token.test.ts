// ID tokens as a provider signs them, and every way in which one can be somebody else's.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createOutbound } from "#platform";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { verifiedIdToken } from "./id-token.ts";
import type { IdTokenRules } from "./descriptor.ts";

const ISSUER = "https://idp.example";
const NOW_MS = 1_700_000_000_000;
const NOW_S = NOW_MS / 1000;
const NONCE = "nonce-of-this-login-0123456789";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let keys: Pair;
let otherKeys: Pair;
let answer: () => Response;
let server: Bun.Server<undefined>;

beforeAll(async () => {
  keys = await generateKeyPair("RS256");
  otherKeys = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  answer = () => Response.json({ keys: [jwk] });
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => answer() });
});

afterAll(() => server.stop(true));

const claims: JWTPayload = {
  iss: ISSUER,
  aud: "client-1",
  sub: "user-1",
  nonce: NONCE,
  iat: NOW_S,
  exp: NOW_S + 300,
};

async function sign(
  changes: Record<string, unknown> = {},
  { by = keys, alg = "RS256", kid = "k1" } = {},
) {
  const token = new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg, kid });
  return token.sign(by.privateKey);
}

function verify(id_token: unknown) {
  const rules: IdTokenRules = {
    issuer: ISSUER,
    jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
    algorithms: ["RS256"],
  };
  const expected = { clientId: "client-1", nonce: NONCE, nowMs: NOW_MS };
  const call = { outbound: createOutbound(), signal: new AbortController().signal };
  return verifiedIdToken(rules, { id_token }, expected, call);
}

async function refusal(id_token: unknown): Promise<string> {
  const error: unknown = await verify(id_token).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "id_token_invalid" });
  return String(error);
}

test("a token for this login gives its claims", async () => {
  expect(await verify(await sign())).toMatchObject({ sub: "user-1" });
  expect(await verify(await sign({ aud: ["client-1"], azp: "client-1" }))).toBeDefined();
});

test("clocks may differ by a minute", async () => {
  expect(await verify(await sign({ exp: NOW_S - 50 }))).toBeDefined();
  expect(await refusal(await sign({ exp: NOW_S - 70 }))).toContain("expired");
});

describe("refused is a token", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["of another issuer", { iss: "https://evil.example" }, "iss"],
    ["for another audience", { aud: "client-2" }, "aud"],
    ["of another login", { nonce: "other" }, "nonce"],
    ["of no login", { nonce: undefined }, "nonce"],
    ["shared with a client that it was issued to", { aud: ["client-1", "x"], azp: "x" }, "azp"],
    ["shared without saying with whom", { aud: ["client-1", "x"] }, "azp"],
    ["issued to another client", { azp: "x" }, "azp"],
    ["that never ends", { exp: undefined }, "exp"],
    ["of nobody", { sub: undefined }, "sub"],
    ["not valid yet", { nbf: NOW_S + 300 }, "nbf"],
  ])("%s", async (_name, changes, reason) => {
    expect(await refusal(await sign(changes))).toContain(reason);
  });

  test("without a signature, or with the public key as a shared secret", async () => {
    const none = new UnsecuredJWT({ ...claims }).encode();
    expect(await refusal(none)).toBeString();
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)));
    const hs256 = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .sign(secret);
    expect(await refusal(hs256)).toContain("algorithm");
  });

  test("of an algorithm that the descriptor does not list", async () => {
    const ps256 = await generateKeyPair("PS256");
    expect(await refusal(await sign({}, { by: ps256, alg: "PS256" }))).toContain("algorithm");
  });

  test("signed by a key that is not the provider's", async () => {
    expect(await refusal(await sign({}, { by: otherKeys }))).toContain("signature");
    expect(await refusal(await sign({}, { by: otherKeys, kid: "k2" }))).toContain("no key");
  });

  test.each([
    ["absent", undefined],
    ["empty", ""],
    ["no JWT", "canary"],
    ["no JSON", "a.b.c"],
    ["no text", { canary: 1 }],
  ])("that is %s, and it is not quoted", async (_name, token) => {
    expect(await refusal(token)).not.toContain("canary");
  });
});

describe("no keys, no login", () => {
  test.each<[string, () => Response]>([
    ["an error", () => new Response("no", { status: 500 })],
    ["HTML", () => new Response("<html>")],
    ["an empty set", () => Response.json({ keys: [] })],
    ["a redirect", () => Response.redirect("https://evil.example/jwks")],
  ])("when the provider answers %s", async (_name, given) => {
    const usual = answer;
    answer = given;
    const error: unknown = await verify(await sign()).catch((caught: unknown) => caught);
    answer = usual;
    expect(error).toHaveProperty("code");
  });
});
