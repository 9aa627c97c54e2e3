// Error bodies of the hosts that speak this dialect, and the ones its callers get.

import { describe, expect, test } from "bun:test";
import type { FailureKind, Json } from "#wire";
import { decodeError, encodeError, UPSTREAM_AUTH_MESSAGE } from "./errors.ts";

describe("upstream errors", () => {
  const openai = (type: string, code: string | null, message = "m"): Json => ({
    error: { message, type, code, param: null },
  });

  test.each<[number, Json, FailureKind]>([
    [400, openai("invalid_request_error", null), "bad_request"],
    [400, openai("invalid_request_error", "context_length_exceeded"), "too_long"],
    [400, openai("invalid_request_error", "model_not_found"), "unknown_model"],
    [404, openai("invalid_request_error", null, "The model `x` does not exist"), "unknown_model"],
    [404, openai("invalid_request_error", null, "no such thing"), "not_found"],
    [429, openai("insufficient_quota", "insufficient_quota"), "billing"],
    [429, openai("tokens", "rate_limit_exceeded"), "rate_limited"],
    [500, openai("server_error", null), "internal"],
    [503, openai("server_error", null), "overloaded"],
    [502, openai("server_error", null), "bad_gateway"],
    [403, { detail: "no access" }, "forbidden"],
    [402, { error: { code: 402, message: "credits" } }, "billing"],
    [503, "Service Unavailable", "overloaded"],
    [404, "<html>", "bad_gateway"],
    [302, "", "bad_gateway"],
  ])("%d %j is %s", (status, body, kind) => {
    expect(decodeError(status, body).kind).toBe(kind);
  });

  test.each<[number, Json]>([
    [401, openai("invalid_request_error", "invalid_api_key", "Incorrect API key: sk-live-1234")],
    [400, { code: "invalid-argument", error: "Incorrect API key provided: xai-1234." }],
    [401, { detail: "Unauthorized sk-live-1234" }],
    [401, "sk-live-1234"],
  ])("a refused credential is never quoted: %d %j", (status, body) => {
    expect(decodeError(status, body)).toEqual({
      kind: "upstream_auth",
      message: UPSTREAM_AUTH_MESSAGE,
    });
  });

  test("a key fragment in any other message is blotted out", () => {
    const body = openai("invalid_request_error", null, "project of sk-proj-ab12cd is archived");
    expect(decodeError(403, body).message).toBe("project of [key] is archived");
  });

  test("a status that says more than 400 is kept", () => {
    expect(decodeError(422, { detail: [{ loc: ["input"] }] })).toMatchObject({
      kind: "bad_request",
      status: 422,
      message: '[{"loc":["input"]}]',
    });
  });
});

describe("errors for callers", () => {
  test.each<[FailureKind, number, string | null]>([
    ["bad_request", 400, "my_code"],
    ["too_long", 400, "context_length_exceeded"],
    ["unauthenticated", 401, "invalid_api_key"],
    ["upstream_auth", 502, "upstream_auth"],
    ["billing", 429, "insufficient_quota"],
    ["unknown_model", 400, "model_not_found"],
    ["rate_limited", 429, "rate_limit_exceeded"],
    ["overloaded", 503, "server_is_overloaded"],
    ["timeout", 504, "my_code"],
  ])("%s is %d %s", (kind, status, code) => {
    const encoded = encodeError({ kind, message: "m", code: "my_code" });
    expect(encoded.status).toBe(status);
    expect(encoded.body).toMatchObject({ error: { message: "m", code } });
  });

  test("the envelope has all four fields", () => {
    expect(encodeError({ kind: "internal", message: "m" }).body).toEqual({
      error: { message: "m", type: "server_error", param: null, code: "server_error" },
    });
  });
});
