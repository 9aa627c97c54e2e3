// Error bodies as hosts really send them, and the envelope our callers get.

import { expect, test } from "bun:test";
import { FAILURE_KINDS, type FailureKind, type Json } from "#wire";
import { decodeError, encodeError } from "./errors.ts";

test.each<[FailureKind, number, Json]>([
  ["upstream_auth", 401, { error: { message: "Incorrect key: sk-abc", code: "invalid_api_key" } }],
  ["upstream_auth", 400, { code: "x", error: "Incorrect API key provided: xx" }],
  ["upstream_auth", 401, { detail: "Invalid API Key" }],
  ["upstream_auth", 401, { error: { message: "Missing Authentication header", code: 401 } }],
  ["unknown_model", 404, { error: { message: "no", code: "model_not_found" } }],
  ["not_found", 404, { error: { code: "404", message: "Resource not found" } }],
  ["too_long", 400, { error: { message: "x", code: "context_length_exceeded" } }],
  ["too_long", 400, { error: { message: "prompt too long; exceeded max", type: "x" } }],
  ["billing", 429, { error: { message: "quota", type: "insufficient_quota" } }],
  ["billing", 402, { error: { message: "pay" } }],
  ["rate_limited", 429, { error: { message: "slow down", code: 429 } }],
  ["overloaded", 503, { error: { message: "later", type: "server_error" } }],
  ["bad_request", 422, { detail: [{ loc: ["body"], msg: "field required" }] }],
  ["internal", 500, "<html>oops</html>"],
  ["bad_gateway", 302, ""],
])("%s: status %d, %j", (kind, status, body) => {
  expect(decodeError(status, body).kind).toBe(kind);
});

test("no key fragment and no account id reaches the caller", () => {
  const auth = decodeError(401, { error: { message: "Incorrect API key: sk-live-123" } });
  expect(auth.message).not.toContain("sk-");
  const limit = decodeError(429, {
    error: { message: "Rate limit in organization org-A1b2 on tpm" },
  });
  expect(limit.message).toBe("Rate limit in organization [redacted] on tpm");
});

test("an HTML page is never quoted, and its status is named", () => {
  expect(decodeError(502, "<!doctype html>secret").message).toContain("502");
  expect(decodeError(502, "<!doctype html>secret").message).not.toContain("secret");
});

test("every kind has a status and all four members", () => {
  for (const kind of FAILURE_KINDS) {
    const { status, body } = encodeError({ kind, message: "m" });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(Object.keys(body["error"] as object)).toEqual(["message", "type", "param", "code"]);
  }
});

test("the caller's path and the status that matter are kept", () => {
  const failure = {
    kind: "bad_request",
    message: "m",
    code: "c",
    param: "stop",
    status: 422,
  } as const;
  expect(encodeError(failure)).toEqual({
    status: 422,
    body: { error: { message: "m", type: "invalid_request_error", param: "stop", code: "c" } },
  });
});
