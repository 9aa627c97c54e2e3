// Every shape of secret, in every place a log line can carry one.

import { describe, expect, test } from "bun:test";
import { isSecretName, redact, registerSecret } from "./redact.ts";

const SECRETS: readonly [string, string][] = [
  ["OpenAI-style key", "sk-proj-abcDEF123456_-xyz"],
  ["Anthropic-style key", "sk-ant-api03-abcDEF123456_-xyzAA"],
  ["OpenRouter-style key", "sk-or-v1-0123456789abcdef0123456789abcdef"],
  ["Google API key", "AIzaSyA-1234567890_abcdefghijklmnopqrs"],
  ["Google access token", "ya29.a0AfH6SMBx-1234567890_abcdef"],
  ["Google refresh token", "1//0gabcdefghijklmnop-QRSTUV_wxyz"],
  ["GitHub personal token", "ghp_0123456789abcdefghijABCDEFGHIJ012345"],
  ["GitHub OAuth token", "gho_0123456789abcdefghijABCDEFGHIJ012345"],
  ["GitHub fine-grained token", "github_pat_11ABCDEFG0abcdefghij_klmnopqrstuv"],
  ["Slack token", "xoxb-123456789012-abcdefABCDEF"],
  ["AWS access key id", "AKIAIOSFODNN7EXAMPLE"],
  ["Groq key", "gsk_abcdefghijklmnopqrstuvwx1234"],
  ["JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"],
  ["token of our own", `tok_${"aB3-_xY9z".repeat(4)}Qr5tUv7`],
];

describe("a token by its shape", () => {
  for (const [name, secret] of SECRETS) {
    test(`${name} disappears from prose, a URL, a quoted value and the start of a line`, () => {
      for (const text of [
        `calling with ${secret}, which failed`,
        `https://host.example/v1?x=${secret}&y=1`,
        `{"note":"${secret}"}`,
        `first\n${secret}\nlast`,
        secret,
      ]) {
        const safe = redact(text);
        expect(safe).not.toContain(secret.slice(4, 20));
        expect(safe).toContain("[redacted]");
      }
    });
  }

  test("a private key in PEM disappears whole, also when its end is cut off", () => {
    const key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----";
    expect(redact(`a ${key} b`)).toBe("a [redacted] b");
    expect(redact(`a ${key.slice(0, 36)}`)).toBe("a [redacted]");
  });
});

describe("a value by its name", () => {
  const hidden: readonly [string, string][] = [
    ["Authorization: Bearer plain", "Authorization: Bearer [redacted]"],
    ["authorization: Basic dXNlcjpwYXNz", "authorization: Basic [redacted]"],
    ["Authorization: Digest username=a, response=b", "Authorization: [redacted]"],
    ["x-api-key: plain", "x-api-key: [redacted]"],
    ["Cookie: a=b; c=d", "Cookie: [redacted]"],
    ["set-cookie: sid=plain; Path=/\nnext: line", "set-cookie: [redacted]\nnext: line"],
    ["https://h.example/p?key=plain&x=1", "https://h.example/p?key=[redacted]&x=1"],
    ["https://h.example/p?x=1&api_key=plain#f", "https://h.example/p?x=1&api_key=[redacted]"],
    ["https://h.example/p?token=plain", "https://h.example/p?token=[redacted]"],
    ["https://me:p@ss@h.example/p", "https://[redacted]@h.example/p"],
    ["MYLAB_API_KEY=plain", "MYLAB_API_KEY=[redacted]"],
    ["password: plain, next", "password: [redacted], next"],
    ["client_secret='pl ain'", "client_secret=[redacted]"],
    ['{"access_token":"plain","n":1}', '{"access_token":"[redacted]","n":1}'],
    ['{"refreshToken": "pl\\"ain","n":1}', '{"refreshToken": "[redacted]","n":1}'],
    [String.raw`{\"api_key\":\"plain\",\"n\":1}`, String.raw`{\"api_key\":\"[redacted]\",\"n\":1}`],
    ['["x-api-key","plain"]', '["x-api-key","[redacted]"]'],
    ['Headers { "x-api-key": "plain" }', 'Headers { "x-api-key": "[redacted]" }'],
  ];
  for (const [text, expected] of hidden) {
    test(`${JSON.stringify(text)} keeps its name and loses its value`, () =>
      expect(redact(text)).toBe(expected));
  }

  test("a secret whose text is a replacement pattern does not bring the original back", () => {
    expect(redact("password=$1$$")).toBe("password=[redacted]");
  });
});

describe("harmless text", () => {
  for (const text of [
    "max_tokens: 100, input_tokens=5",
    '{"max_tokens":"100","total_tokens":5}',
    "unknown key: server.bnd",
    "a Bearer token is required",
    "unexpected token: }",
    "task-management-and-risk-assessment",
    "https://host.example/v1/messages?beta=true",
    "/v1/chat/completions took 12 ms",
  ]) {
    test(`${JSON.stringify(text)} stays as it is`, () => expect(redact(text)).toBe(text));
  }
});

describe("a registered secret", () => {
  test("disappears as it is, escaped by JSON and encoded in a URL", () => {
    const secret = 'un"likely/pass word\n9';
    registerSecret(secret);
    for (const text of [secret, JSON.stringify({ a: secret }), encodeURIComponent(secret)]) {
      expect(redact(`before ${text} after`)).not.toContain("likely");
    }
  });

  test("is not registered when so short that it would blank words", () => {
    registerSecret("short");
    expect(redact("a short text")).toBe("a short text");
  });
});

test("redacting hostile text takes linear time", () => {
  const hostile = [
    "\\",
    "eyJ-",
    '"',
    "://",
    'authorization: "',
    'password="',
    '"token":"',
    "bearer ",
    "A1_",
    "-----BEGIN PRIVATE KEY-----",
    "cookie   ",
    "x_",
    "token ",
  ];
  for (const unit of hostile) {
    const startedMs = performance.now();
    redact(unit.repeat(200_000 / unit.length));
    // Quadratic time would be tens of seconds.
    expect(performance.now() - startedMs).toBeLessThan(2000);
  }
});

test("fields are secret by name in any spelling", () => {
  for (const name of ["apiKey", "x-api-key", "API_KEY", "refresh_token", "Set-Cookie", "key"]) {
    expect(isSecretName(name)).toBe(true);
  }
  for (const name of ["path", "keyboard", "tokenizer", "status", "model"]) {
    expect(isSecretName(name)).toBe(false);
  }
});
