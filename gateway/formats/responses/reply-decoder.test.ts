// Whole answers that are none, or not finished, must not pass for replies; and usage in every host's form.

import { expect, test } from "bun:test";
import type { Json } from "#wire";
import { Losses } from "../losses.ts";
import { decodeReply } from "./reply-decoder.ts";
import { readUsage, usageIn, writeUsage } from "./usage.ts";

function decode(body: Json) {
  return decodeReply(body, { provider: "p", losses: new Losses() });
}

test.each<[Json, string]>([
  ["<html>", "bad_gateway"],
  [{ choices: [] }, "bad_gateway"],
  [{ status: "queued", output: [] }, "bad_gateway"],
  [{ status: "in_progress", output: [] }, "bad_gateway"],
  [{ status: "cancelled", output: [] }, "internal"],
  [
    { status: "failed", output: [], error: { code: "rate_limit_exceeded", message: "x" } },
    "rate_limited",
  ],
  [{ error: { message: "x", type: "invalid_request_error" } }, "bad_request"],
  [{ status: "incomplete", incomplete_details: { reason: "mood" }, output: [] }, "bad_gateway"],
])("%j is no reply", (body, kind) => {
  expect(() => decode(body)).toThrow(
    expect.objectContaining({ failure: expect.objectContaining({ kind }) }),
  );
});

test("a cut by the provider's filter is told apart from the model's refusal", () => {
  const incomplete_details = { reason: "content_filter" };
  expect(decode({ status: "incomplete", incomplete_details, output: [] }).stop).toBe(
    "content_filter",
  );
  const content = [{ type: "refusal", refusal: "No." }];
  expect(decode({ status: "completed", output: [{ type: "message", content }] }).stop).toBe(
    "refusal",
  );
});

test("a call without any id gets one that is stable for the response", () => {
  const body = { id: "r", output: [{ type: "function_call", name: "f", arguments: "" }] };
  const [part] = decode(body).parts;
  expect(part).toMatchObject({ id: expect.stringMatching(/^call_/), arguments: "{}" });
  expect(decode(body)).toEqual(decode(body));
});

test("usage survives reading and writing", () => {
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 4 },
    total_tokens: 109,
  };
  const read = readUsage(usage);
  expect(read).toEqual({ input: 10, cacheRead: 60, cacheWrite: 30, output: 9, reasoning: 4 });
  expect(read && writeUsage(read)).toEqual(usage);
});

test("a cache larger than the input was counted outside it", () => {
  const usage = { input_tokens: 5, input_tokens_details: { cached_tokens: 60 }, output_tokens: 1 };
  expect(readUsage(usage)).toMatchObject({ input: 5, cacheRead: 60 });
});

test("usage is found in bodies and in events, and kept when an event has none", () => {
  const usage = { input_tokens: 1, output_tokens: 2 };
  const read = usageIn({ usage }, undefined);
  expect(read).toMatchObject({ input: 1, output: 2 });
  expect(usageIn({ type: "response.completed", response: { usage } }, undefined)).toEqual(read);
  expect(usageIn({ type: "response.created", response: { usage: null } }, read)).toEqual(read);
});
