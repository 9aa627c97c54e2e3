// Where a member begins, however its name is written.

import { expect, test } from "bun:test";
import { scanJson } from "#platform";
import { memberStart } from "./model-stand-in.ts";

test.each([
  '{"model":"m"}',
  '{ "model" : "m" }',
  '{"a":"\\"",\n\t"model"\r\n:\n  "m","b":1}',
  '{"x":{"model":1},"\\u006dodel":"m"}',
])("%s", (text) => {
  const bytes = new TextEncoder().encode(text);
  const value = scanJson(bytes, { fields: ["model"] }).fields.get("model");
  if (!value) throw new Error("not found");
  const start = memberStart(bytes, value.start);
  const member: unknown = JSON.parse(`{${text.slice(start, value.end)}}`);
  expect(member).toEqual({ model: "m" });
});
