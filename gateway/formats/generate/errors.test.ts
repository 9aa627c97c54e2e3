// Google's RPC errors: which failure each is, how long to wait, and that no key is shown.

import { expect, test } from "bun:test";
import type { Json } from "#wire";
import { decodeError } from "./errors.ts";

const rpc = (code: number, status: string, message = "m", details: Json[] = []): Json => ({
  error: { code, message, status, details },
});
const info = (reason: string): Json => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason,
  domain: "googleapis.com",
});
const retry = (retryDelay: string): Json => ({
  "@type": "type.googleapis.com/google.rpc.RetryInfo",
  retryDelay,
});

test.each([
  [400, rpc(400, "INVALID_ARGUMENT"), "bad_request"],
  [
    400,
    rpc(400, "INVALID_ARGUMENT", "API key not valid.", [info("API_KEY_INVALID")]),
    "upstream_auth",
  ],
  [
    400,
    rpc(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
    "upstream_auth",
  ],
  [
    400,
    rpc(
      400,
      "INVALID_ARGUMENT",
      "The input token count (9) exceeds the maximum number of tokens allowed (8).",
    ),
    "too_long",
  ],
  [403, rpc(403, "PERMISSION_DENIED"), "forbidden"],
  [403, rpc(403, "PERMISSION_DENIED", "off", [info("SERVICE_DISABLED")]), "upstream_auth"],
  [
    404,
    rpc(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta"),
    "unknown_model",
  ],
  [429, rpc(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"), "rate_limited"],
  [429, rpc(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "billing"],
  [500, rpc(500, "INTERNAL"), "internal"],
  [503, rpc(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"],
  [504, rpc(504, "DEADLINE_EXCEEDED"), "timeout"],
  [0, rpc(503, "UNAVAILABLE"), "overloaded"],
  [503, [rpc(503, "UNAVAILABLE")], "overloaded"],
] as const)("%d %j", (status, body, kind) => {
  expect(decodeError(status, body as Json).kind).toBe(kind);
});

test("the time to wait is read from RetryInfo, and bounded", () => {
  const waitOf = (delay: string) =>
    decodeError(429, rpc(429, "RESOURCE_EXHAUSTED", "m", [retry(delay)])).retryAfterMs;
  expect(waitOf("48s")).toBe(48_000);
  expect(waitOf("48.939935699s")).toBe(48_940);
  expect(waitOf("999999999s")).toBe(24 * 60 * 60 * 1_000);
  expect(waitOf("soon")).toBeUndefined();
});

test("a key in a message is not shown", () => {
  const { message } = decodeError(400, rpc(400, "INVALID_ARGUMENT", "bad AIzaSyA0123456789 here"));
  expect(message).toBe("bad [key] here");
});

test("an error in a list says what one alone says", () => {
  const alone = rpc(429, "RESOURCE_EXHAUSTED", "quota", [retry("2s")]);
  expect(decodeError(429, [alone])).toEqual(decodeError(429, alone));
  expect(decodeError(429, [alone])).toMatchObject({ message: "quota", retryAfterMs: 2_000 });
});
