// Which token a request really offers, and how our own are made, kept and replaced.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createToken,
  isSameToken,
  readBearer,
  readOrCreateToken,
  rotateToken,
  TokenFileError,
} from "./bearer.ts";
import { redact } from "./redact.ts";

const directories: string[] = [];

function temporaryPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "bearer-"));
  directories.push(directory);
  return join(directory, "deep", "server.token");
}

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

describe("readBearer", () => {
  const cases: [string, Record<string, string>, string | undefined][] = [
    ["a bearer", { authorization: "Bearer abc.DEF-1_2~3+/=" }, "abc.DEF-1_2~3+/="],
    ["the scheme in any case", { authorization: "bearer abc" }, "abc"],
    ["x-api-key", { "x-api-key": "abc" }, "abc"],
    ["both, when equal", { authorization: "Bearer abc", "x-api-key": "abc" }, "abc"],
    ["nothing", {}, undefined],
    ["an empty bearer", { authorization: "Bearer " }, undefined],
    ["another scheme", { authorization: "Basic abc" }, undefined],
    ["no scheme", { authorization: "abc" }, undefined],
    ["two bearers joined by the server", { authorization: "Bearer a, Bearer b" }, undefined],
    ["one bearer sent twice", { authorization: "Bearer a, Bearer a" }, undefined],
    ["two keys joined by the server", { "x-api-key": "a, b" }, undefined],
    ["two tokens in one", { authorization: "Bearer a b" }, undefined],
    ["a bearer and another key", { authorization: "Bearer a", "x-api-key": "b" }, undefined],
    ["a broken bearer and a key", { authorization: "Basic a", "x-api-key": "b" }, undefined],
    ["a bearer and a broken key", { authorization: "Bearer a", "x-api-key": "b, c" }, undefined],
  ];
  for (const [name, headers, expected] of cases) {
    test(`${name} → ${expected ?? "none"}`, () =>
      expect(readBearer(new Headers(headers))).toBe(expected));
  }
});

test("only the same token is the same, whatever its length", () => {
  expect(isSameToken("abc", "abc")).toBe(true);
  expect(isSameToken("abc", "abd")).toBe(false);
  expect(isSameToken("abc", "")).toBe(false);
  expect(isSameToken("abc", "abcabcabcabcabcabcabcabcabcabcabcabcabc")).toBe(false);
});

test("a new token carries its prefix and 32 random bytes, and redacts by shape alone", () => {
  const token = createToken("tok_");
  expect(token).toMatch(/^tok_[\w-]{43}$/);
  expect(createToken("tok_")).not.toBe(token);
  expect(redact(`key ${token}.`)).toBe("key [redacted].");
});

describe("a token file", () => {
  test("is made on first use, private, and read back the same", () => {
    const path = temporaryPath();
    const token = readOrCreateToken(path, "tok_");
    expect(readOrCreateToken(path, "tok_")).toBe(token);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).toBe(`${token}\n`);
  });

  test("may hold a token that a person chose, which no log shows from then on", () => {
    const path = temporaryPath();
    readOrCreateToken(path, "tok_");
    writeFileSync(path, "  my own long token\n".replaceAll(" ", "-"));
    expect(() => readOrCreateToken(path, "tok_")).not.toThrow();
    expect(redact("x --my-own-long-token y")).toBe("x [redacted] y");
  });

  for (const content of ["", "\n", "short", "two tokens on one line", "a,b,c,d,e,f,g,h,i,j"]) {
    test(`with ${JSON.stringify(content)} is refused with the fix`, () => {
      const path = temporaryPath();
      readOrCreateToken(path, "tok_");
      writeFileSync(path, content);
      expect(() => readOrCreateToken(path, "tok_")).toThrow(TokenFileError);
      expect(() => readOrCreateToken(path, "tok_")).toThrow("Delete the file");
    });
  }

  test("that others can read is refused", () => {
    const path = temporaryPath();
    readOrCreateToken(path, "tok_");
    chmodSync(path, 0o644);
    expect(() => readOrCreateToken(path, "tok_")).toThrow(/chmod/);
  });

  test("is replaced by rotation", () => {
    const path = temporaryPath();
    const old = readOrCreateToken(path, "tok_");
    const token = rotateToken(path, "tok_");
    expect(token).not.toBe(old);
    expect(readOrCreateToken(path, "tok_")).toBe(token);
  });
});
