// What an upload may look like, and what may leave a broker.

import { describe, expect, test } from "bun:test";
import { Credential, CredentialUpload, identityKeyOf, redactCredential } from "./credential.ts";

const grant = { type: "oauth", refresh: "r-1", access: "a-1", expires: 1_700_000_000_000 } as const;

function problems(value: unknown): string[] {
  const result = CredentialUpload.safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join("."));
}

describe("an upload", () => {
  test("of an API key is accepted, with and without its source", () => {
    expect(problems({ provider: "openai", credential: { type: "api_key", key: "k" } })).toEqual([]);
    const key = { type: "api_key", key: "k", source: "login" };
    expect(problems({ provider: "openai", credential: key })).toEqual([]);
  });

  test("of an OAuth grant keeps every extra key", () => {
    const credential = { ...grant, tokenUrl: "https://idp.test/token", nested: { a: [1] } };
    expect(CredentialUpload.parse({ provider: "mcp", credential }).credential).toEqual(credential);
  });

  test("with an unknown key beside the credential, or in an API key, is refused", () => {
    const key = { type: "api_key", key: "k" };
    expect(problems({ provider: "openai", credential: key, more: 1 })).toEqual([""]);
    expect(problems({ provider: "openai", credential: { ...key, more: 1 } })).toEqual([
      "credential",
    ]);
  });

  test("of a redacted grant is refused, because it would erase the real token", () => {
    const credential = { ...grant, refresh: "__remote__" };
    expect(problems({ provider: "openai", credential })).toEqual(["credential.refresh"]);
  });

  test.each(["", " k", "k\n", "k\u0000", "k\r\nx-evil: 1", "клюЧ"])(
    "of the key %j, which no header can carry, is refused at its place",
    (key) => {
      const value = { provider: "openai", credential: { type: "api_key", key } };
      expect(problems(value)).toEqual(["credential.key"]);
    },
  );

  test("cannot smuggle a prototype through the extra keys of a grant", () => {
    const text = '{"type":"oauth","refresh":"r","access":"a","expires":1,"__proto__":{"x":1}}';
    expect(problems({ provider: "p", credential: JSON.parse(text) })).toEqual([
      "credential.__proto__",
    ]);
    expect(problems({ provider: "p", credential: { ...grant, constructor: 1 } })).toEqual([
      "credential.constructor",
    ]);
  });
});

test("redaction replaces the refresh token and nothing else", () => {
  const credential = Credential.parse({ ...grant, clientId: "c" });
  expect(redactCredential(credential)).toEqual({ ...grant, clientId: "c", refresh: "__remote__" });
  expect(redactCredential({ type: "api_key", key: "k" })).toEqual({ type: "api_key", key: "k" });
});

test("an account is known by its e-mail, else by its id, else not at all", () => {
  expect(identityKeyOf({ ...grant, email: "A@Example.test", accountId: "7" })).toBe(
    "email:a@example.test",
  );
  expect(identityKeyOf({ ...grant, accountId: "7" })).toBe("account:7");
  expect(identityKeyOf(grant)).toBeNull();
  expect(identityKeyOf({ type: "api_key", key: "k" })).toBeNull();
});
