// Token counts: later events win field by field, hidden passes are counted, totals survive a round trip.

import { expect, test } from "bun:test";
import { encodeUsage, mergeUsage, readUsage } from "./usage.ts";

test("message_delta wins over message_start, field by field, and nothing is added", () => {
  const before = readUsage(
    {
      type: "message_start",
      message: { usage: { input_tokens: 100, cache_read_input_tokens: 5, output_tokens: 3 } },
    },
    undefined,
  );
  expect(
    readUsage({ type: "message_delta", usage: { input_tokens: 90, output_tokens: 20 } }, before),
  ).toEqual({
    input: 90,
    cacheRead: 5,
    cacheWrite: 0,
    output: 20,
  });
});

test("passes that the top level leaves out are counted", () => {
  const usage = mergeUsage(
    {
      input_tokens: 229,
      output_tokens: 5,
      iterations: [
        {
          type: "compaction",
          input_tokens: 100,
          cache_creation_input_tokens: 55_096,
          output_tokens: 131,
        },
        { type: "message", input_tokens: 229, output_tokens: 5 },
      ],
    },
    undefined,
  );
  expect(usage).toEqual({ input: 329, cacheRead: 0, cacheWrite: 55_096, output: 136 });
});

test("an event without figures changes nothing", () => {
  expect(readUsage({ type: "ping" }, undefined)).toBeUndefined();
  expect(mergeUsage({ input_tokens: null, output_tokens: "7" }, undefined)).toBeUndefined();
});

test("input, cache and output survive the way out and back", () => {
  const usage = { input: 1, cacheRead: 2, cacheWrite: 7, cacheWrite1h: 3, output: 4, reasoning: 2 };
  expect(mergeUsage(encodeUsage(usage), undefined)).toEqual(usage);
});
