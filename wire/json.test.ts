// JSON that survives parse and print.

import { expect, test } from "bun:test";
import { isJsonObject, parseJson } from "./json.ts";

test("integers beyond 2^53 keep every digit, others stay numbers", () => {
  const text = '{"id":12345678901234567890,"seed":-9007199254740991,"pi":3.5}';
  const value = parseJson(text);
  expect(JSON.stringify(value)).toBe(text);
  expect(isJsonObject(value) && value["seed"]).toBe(-9007199254740991);
});

test("malformed text throws, with and without long digits", () => {
  expect(() => parseJson('{"a":')).toThrow(SyntaxError);
  expect(() => parseJson('{"a":12345678901234567890')).toThrow(SyntaxError);
});

test("a list and null are no objects", () => {
  expect([{}, [], null, 1].map(isJsonObject)).toEqual([true, false, false, false]);
});
