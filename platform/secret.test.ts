// Every way a value is commonly printed, tried on a Secret.

import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret } from "./secret.ts";

const secret = new Secret("canary-4711");

test("reveal returns the value", () => {
  expect(secret.reveal()).toBe("canary-4711");
});

test.each([
  ["a template", () => `${secret}`],
  ["JSON", () => JSON.stringify({ secret, list: [secret] })],
  ["inspect", () => inspect({ secret }, { depth: 9, showHidden: true })],
  ["Bun's inspect", () => Bun.inspect({ secret })],
  ["an error message", () => new Error(`bad key ${secret}`).message],
  ["its own keys", () => Object.entries(secret).join() + String(secret)],
  ["a spread", () => JSON.stringify({ ...secret }) + String(secret)],
])("%s shows a marker and not the secret", (_way, print) => {
  expect(print()).not.toContain("canary");
});

test("a structured clone loses the secret rather than carrying it along", () => {
  expect(JSON.stringify(structuredClone({ secret }))).not.toContain("canary");
});
