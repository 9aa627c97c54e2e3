// Error bodies of Messages hosts and the envelope callers get, with the status each kind deserves.

import { describe, expect, test } from "bun:test";
import { FAILURE_KINDS, type Json } from "#wire";
import { decodeError, encodeError } from "./errors.ts";

function anthropic(type: string, message: string): Json {
  return { type: "error", error: { type, message }, request_id: "req" };
}

describe("upstream errors", () => {
  const cases: [string, number, Json, string][] = [
    ["rate limit", 429, anthropic("rate_limit_error", "slow"), "rate_limited"],
    ["overload", 529, anthropic("overloaded_error", "Overloaded"), "overloaded"],
    [
      "too long",
      400,
      anthropic("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"),
      "too_long",
    ],
    [
      "no money",
      400,
      anthropic("invalid_request_error", "Your credit balance is too low"),
      "billing",
    ],
    ["unknown model", 404, anthropic("not_found_error", "model: x"), "unknown_model"],
    ["missing file", 404, anthropic("not_found_error", "file not found"), "not_found"],
    ["api_error behind a 503", 503, anthropic("api_error", "busy"), "overloaded"],
    ["in a stream", 0, anthropic("api_error", "Internal server error"), "internal"],
    ["a web page", 502, "<html>Bad gateway</html>", "bad_gateway"],
    ["a redirect", 302, null, "bad_gateway"],
    ["a bare detail", 422, { detail: "bad" }, "bad_request"],
  ];
  test.each(cases)("%s", (_title, status, body, kind) => {
    const failure = decodeError(status, body);
    expect(failure.kind).toBe(kind as never);
    expect(failure.message).not.toBe("");
    expect(failure.message).not.toContain("<html>");
  });

  test("no fragment of a key reaches the caller", () => {
    const auth = decodeError(
      401,
      anthropic("authentication_error", "invalid key sk-ant-1234567890"),
    );
    expect(auth).toEqual({
      kind: "upstream_auth",
      message: "the upstream refused the gateway's credential",
    });
    const other = decodeError(403, anthropic("permission_error", "sk-ant-1234567890 may not"));
    expect(other.message).toBe("[key] may not");
  });
});

describe("envelopes", () => {
  test("every kind has a status and a type of this dialect", () => {
    for (const kind of FAILURE_KINDS) {
      const { status, body } = encodeError({ kind, message: "m" }, "req_1");
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body).toMatchObject({ type: "error", request_id: "req_1" });
      expect(JSON.stringify(body)).toMatch(/"type":"[a-z_]+(_error|_too_large)"/);
    }
  });

  test("overload is 529 here, even when the upstream said 503", () => {
    const { status } = encodeError({ kind: "overloaded", message: "m", status: 503 }, "r");
    expect(status).toBe(529);
  });

  test("the message names the path, because the dialect has no param", () => {
    const { body } = encodeError({ kind: "bad_request", message: "no", param: "stop" }, "r");
    expect(body.error).toEqual({ type: "invalid_request_error", message: "stop: no" });
  });

  test("too long says so in the words agents look for", () => {
    const { body } = encodeError({ kind: "too_long", message: "context_length_exceeded" }, "r");
    expect(body.error).toMatchObject({ message: "prompt is too long: context_length_exceeded" });
  });
});
