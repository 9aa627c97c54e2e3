// Tokens that a service account signs itself, checked with its public key, and what is said of other credentials.

import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { createOutbound } from "#platform";
import { exchangeVertexKey, TOKEN_LIFETIME_S } from "./vertex-key.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const account = {
  type: "service_account",
  project_id: "p",
  private_key_id: "kid-1",
  private_key: pem,
  client_email: "robot@p.iam.gserviceaccount.com",
  // Never followed: a key says nothing of where it is shown.
  token_uri: "http://169.254.169.254/token",
};
const NOW_MS = 1_800_000_000_000;
const outbound = createOutbound({ fetch: () => Promise.reject(new Error("nothing is called")) });
const means = { outbound, nowMs: () => NOW_MS };
const exchange = (key: unknown) =>
  exchangeVertexKey(typeof key === "string" ? key : JSON.stringify(key), means);

test("a service account signs its token itself, for an hour, and nobody is called", async () => {
  const { token, endsAtMs } = await exchange(account);
  const { payload, protectedHeader } = await jwtVerify(token, publicKey, {
    currentDate: new Date(NOW_MS),
    issuer: account.client_email,
    subject: account.client_email,
  });
  expect(protectedHeader).toEqual({ alg: "RS256", typ: "JWT", kid: "kid-1" });
  expect(payload["scope"]).toBe("https://www.googleapis.com/auth/cloud-platform");
  expect(payload.aud).toBeUndefined();
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(TOKEN_LIFETIME_S);
  expect(payload.iat).toBeLessThan(NOW_MS / 1_000);
  expect(endsAtMs).toBe((payload.exp ?? 0) * 1_000);
});

test("an access token is shown as it is", async () => {
  const token = "ya29.a0AfB_canary-0123456789";
  expect(await exchange(token)).toEqual({ token, endsAtMs: Number.POSITIVE_INFINITY });
});

test.each([
  ["a user's own credential", { type: "authorized_user", refresh_token: "1//0canary" }],
  ["a federation", { type: "external_account", audience: "canary" }],
  ["an API key", "AIzaCanary0123456789abcdefghijklmnopqrstuv"],
  ["a path to a file", "/etc/canary.json"],
  ["a key without its half", { ...account, private_key: undefined }],
  ["a key that cannot sign", { ...account, private_key: pem.slice(0, 200) }],
  ["a list", ["canary"]],
  ["nothing", "{}"],
])("%s is refused with what to do instead, and not quoted", async (_name, key) => {
  const error = await exchange(key).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "credential_unusable" });
  expect(String(error)).toMatch(/service account/);
  expect(String(error)).not.toMatch(/canary/i);
  expect(String(error)).not.toContain(pem.slice(40, 80));
});
