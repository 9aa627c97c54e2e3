// What a request may use at most, whatever its body hides.

import { expect, test } from "bun:test";
import { openai } from "../providers/openai.ts";
import { ADDED_TOKENS, boundTokens, UNKNOWN_OUTPUT_TOKENS } from "./request-bound.ts";

const model = (more: object = {}) => ({
  id: "openai/m",
  provider: openai,
  model: { id: "m", ...more },
});
const bound = (body: string, more: object = {}, headers = new Headers()) =>
  boundTokens(new TextEncoder().encode(body), model(more), headers);

test("every byte counts as a token, up to the model's context", () => {
  const body = JSON.stringify({ model: "m", messages: ["x".repeat(5_000)] });
  expect(bound(body).input).toBe(body.length + ADDED_TOKENS);
  expect(bound(body, { contextWindow: 4_000 }).input).toBe(4_000);
});

test.each(['{"image_url":"https://a/b"}', '{"file_id":"f"}', String.raw`{"file\u005fid":"f"}`])(
  "%s points at content elsewhere, so the whole context counts",
  (body) => {
    expect(bound(body, { contextWindow: 100_000 }).input).toBe(100_000);
  },
);

test("what the native dialect calls its limit, its tier and its files counts as well", () => {
  expect(bound('{"maxOutputTokens":900}', { maxOutputTokens: 10 }).output).toBe(900);
  expect(bound('{"serviceTier":"priority"}').isDearer).toBe(true);
  expect(bound('{"from":"file","fileId":"f"}', { contextWindow: 9_000 }).input).toBe(9_000);
});

test("the larger of two limits counts, for each answer asked for", () => {
  expect(bound('{"max_tokens":1,"max_completion_tokens":30,"n":4}').output).toBe(120);
});

test.each(["-5", "1e400", '"9"', "null", "0.5"])(
  "a limit of %s is none, and the model's largest answer counts",
  (limit) => {
    expect(bound(`{"max_tokens":${limit}}`, { maxOutputTokens: 777 }).output).toBe(777);
    expect(bound(`{"max_tokens":${limit}}`).output).toBe(UNKNOWN_OUTPUT_TOKENS);
  },
);

test("a limit given twice is refused", () => {
  expect(() => bound('{"max_tokens":1,"max_tokens":90000}')).toThrow();
});

test("a tier beyond the standard one is known as dearer", () => {
  expect(bound('{"service_tier":"priority"}').isDearer).toBe(true);
  expect(bound('{"service_tier":"flex"}').isDearer).toBeUndefined();
});
