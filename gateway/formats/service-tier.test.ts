// Which tier served a request is read from every dialect's own place, streamed and whole, and the usual one is none.

import { describe, expect, test } from "bun:test";
import { formats } from "./index.ts";
import { encodeUsage as encodeMessagesUsage, mergeUsage } from "./messages/usage.ts";
import { serviceTier } from "./service-tier.ts";

const chat = { usage: { prompt_tokens: 3, completion_tokens: 2 } };
const responses = { usage: { input_tokens: 3, output_tokens: 2 } };
const messages = { input_tokens: 3, output_tokens: 2 };

describe("the tier in usage", () => {
  test.each(["flex", "priority"])("is %s where Chat and Responses say so", (tier) => {
    const body = { service_tier: tier };
    expect(formats.chat.readUsage({ ...chat, ...body }, undefined)?.serviceTier).toBe(tier);
    expect(formats.responses.readUsage({ ...responses, ...body }, undefined)?.serviceTier).toBe(
      tier,
    );
    const completed = { type: "response.completed", response: { ...responses, ...body } };
    expect(formats.responses.readUsage(completed, undefined)?.serviceTier).toBe(tier);
  });

  test.each(["auto", "default", "standard", "on_demand", null, ""])("is none for %p", (name) => {
    expect(formats.chat.readUsage({ ...chat, service_tier: name }, undefined)).toEqual({
      input: 3,
      cacheRead: 0,
      cacheWrite: 0,
      output: 2,
    });
  });

  test("of Messages is tier, speed and place together, and stays when a later event is silent", () => {
    const started = mergeUsage(
      { ...messages, service_tier: "priority", speed: "fast", inference_geo: "us" },
      undefined,
    );
    expect(started?.serviceTier).toBe("priority+fast+geo_us");
    expect(mergeUsage({ output_tokens: 9 }, started)).toMatchObject({
      output: 9,
      serviceTier: "priority+fast+geo_us",
    });
    const usual = { service_tier: "standard", speed: "standard", inference_geo: "global" };
    expect(mergeUsage({ ...messages, ...usual }, undefined)).not.toHaveProperty("serviceTier");
  });

  test("of Messages survives the way out and back", () => {
    const usage = { input: 1, cacheRead: 0, cacheWrite: 0, output: 4, serviceTier: "batch+fast" };
    expect(mergeUsage(encodeMessagesUsage(usage), undefined)).toEqual(usage);
  });
});

test("what cannot be a tier's name is unknown, and so has no price", () => {
  for (const name of [7, {}, "Sk-Secret", "x".repeat(33), "a b"]) {
    expect(serviceTier(name)).toBe("unknown");
  }
});
