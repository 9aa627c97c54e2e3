// Costs are exact, never guessed, and never above the bound that was reserved for them.

import { expect, test } from "bun:test";
import { assert, constantFrom, integer, property } from "fast-check";
import { openai } from "../providers/openai.ts";
import { boundNanoUsd, costNanoUsd, type ModelPrice } from "./price.ts";
import { PRICE_TABLE } from "./price-table.ts";
import { PricesConfig, priceList } from "./prices.ts";

const usage = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0 };
const tokens = integer({ min: 0, max: 2_000_000 });
const listed = Object.values(PRICE_TABLE).flatMap((models) => Object.values(models));
// A cache read without a price has no cost to add up.
const price = constantFrom(...listed.filter(({ cacheRead }) => cacheRead !== undefined));

test("every bundled price is a whole number of nano-USD per token", () => {
  const { longContext: _nested, ...flat } = listed[0] ?? {};
  expect(Object.keys(flat).length).toBeGreaterThan(2);
  for (const { longContext = {}, tiers = {}, ...prices } of listed) {
    const shares = Object.values(tiers).flatMap(({ times, per }) => [times, per]);
    for (const value of [...Object.values(prices), ...Object.values(longContext), ...shares]) {
      expect(Number.isSafeInteger(value) && Number(value) > 0).toBe(true);
    }
  }
});

test("a million tokens in and out of a model of 3 and 15 dollars cost 18 dollars", () => {
  const flat = { input: 3_000, output: 15_000 };
  expect(costNanoUsd(flat, { ...usage, input: 1_000_000, output: 1_000_000 })).toBe(18_000_000_000);
});

test("cache writes for five minutes and for an hour are billed apart", () => {
  const own = { input: 1, output: 1, cacheRead: 2, cacheWrite5m: 3, cacheWrite1h: 5 };
  const used = { ...usage, cacheRead: 10, cacheWrite: 7, cacheWrite1h: 2 };
  expect(costNanoUsd(own, used)).toBe(20 + 15 + 10);
});

test("reasoning is billed as output, unless it has a price of its own", () => {
  const used = { ...usage, output: 10, reasoning: 4 };
  expect(costNanoUsd({ input: 1, output: 2 }, used)).toBe(20);
  expect(costNanoUsd({ input: 1, output: 2, reasoning: 7 }, used)).toBe(12 + 28);
});

test("input above the step is billed at the dearer price, whole", () => {
  const stepped: ModelPrice = {
    input: 1,
    output: 1,
    longContext: { input: 2, output: 3, aboveInputTokens: 100 },
  };
  expect(costNanoUsd(stepped, { ...usage, input: 100, output: 1 })).toBe(101);
  expect(costNanoUsd(stepped, { ...usage, input: 101, output: 1 })).toBe(205);
});

test("a tier costs its share, rounded up to a whole nano-USD; one without a share costs null", () => {
  const tiers = { flex: { times: 1, per: 2 }, priority: { times: 5, per: 2 } };
  const own: ModelPrice = { input: 5, output: 1, tiers };
  const used = { ...usage, input: 3 };
  expect(costNanoUsd(own, used)).toBe(15);
  expect(costNanoUsd(own, { ...used, serviceTier: "flex" })).toBe(8);
  expect(costNanoUsd(own, { ...used, serviceTier: "priority" })).toBe(38);
  for (const serviceTier of ["scale", "unknown", "constructor", "priority+geo_us"]) {
    expect(costNanoUsd(own, { ...used, serviceTier })).toBeNull();
  }
});

test("a long context in a tier of its own has no price", () => {
  const gpt = PRICE_TABLE["api.openai.com"]?.["gpt-5.5"];
  const long = { ...usage, input: 272_001 };
  expect(costNanoUsd(gpt, long)).toBe(272_001 * 10_000);
  expect(costNanoUsd(gpt, { ...long, input: 272_000, serviceTier: "priority" })).toBe(
    272_000 * 12_500,
  );
  expect(costNanoUsd(gpt, { ...long, serviceTier: "priority" })).toBeNull();
});

test("what is not known exactly costs null", () => {
  const flat = { input: 1, output: 1 };
  expect(costNanoUsd(undefined, usage)).toBeNull();
  expect(costNanoUsd(flat, { ...usage, cacheRead: 1 })).toBeNull();
  expect(costNanoUsd(flat, { ...usage, input: 1, isEstimated: true })).toBeNull();
  expect(costNanoUsd(flat, { ...usage, input: 0.5 })).toBeNull();
  expect(costNanoUsd(flat, { ...usage, input: 1e300 })).toBeNull();
  expect(costNanoUsd(flat, { ...usage, cacheWrite: 1, cacheWrite1h: 2 })).toBeNull();
});

test("costs add up: of two usages apart as of both together, below any step", () => {
  assert(
    property(price, tokens, tokens, tokens, ({ longContext: _step, ...flat }, a, b, c) => {
      const one = costNanoUsd(flat, { ...usage, input: a, cacheRead: b, output: c });
      const two = costNanoUsd(flat, { ...usage, input: c, cacheRead: a, output: b });
      const both = costNanoUsd(flat, { ...usage, input: a + c, cacheRead: b + a, output: c + b });
      expect((one ?? Number.NaN) + (two ?? Number.NaN)).toBe(both ?? -1);
    }),
  );
});

test("no cost is above the bound of as many tokens, in whichever tier", () => {
  assert(
    property(price, tokens, tokens, tokens, tokens, (own, input, cacheRead, cacheWrite, output) => {
      const bound = boundNanoUsd(own, { input: input + cacheRead + cacheWrite, output });
      const used = { input, cacheRead, cacheWrite, output };
      for (const serviceTier of Object.keys(own.tiers ?? {})) {
        expect(costNanoUsd(own, { ...used, serviceTier }) ?? 0).toBeLessThanOrEqual(bound ?? -1);
      }
      expect(costNanoUsd(own, used) ?? 0).toBeLessThanOrEqual(bound ?? -1);
    }),
  );
});

const model = (baseUrl: string, id: string) => ({
  id: `openai/${id}`,
  provider: { ...openai, baseUrl },
  model: { id },
});

test("the bundled price is the vendor's own, snapshots included; another host's is unknown", () => {
  const priceOf = priceList({});
  const vendor = "https://api.openai.com/v1";
  expect(priceOf(model(vendor, "gpt-5"))?.output).toBe(10_000);
  expect(priceOf(model(vendor, "gpt-5-2025-08-07"))?.output).toBe(10_000);
  expect(priceOf(model(vendor, "gpt-5-unheard-of"))).toBeUndefined();
  expect(priceOf(model(vendor, "constructor"))).toBeUndefined();
  expect(priceOf(model("http://127.0.0.1:9/v1", "gpt-5"))).toBeUndefined();
  const google = "https://generativelanguage.googleapis.com";
  const pro = priceOf(model(google, "gemini-2.5-pro"));
  expect(costNanoUsd(pro, { ...usage, input: 100, cacheRead: 100, output: 10 })).toBe(237_500);
  expect(costNanoUsd(pro, { ...usage, input: 200_000, cacheRead: 1 })).toBe(500_000_250);
});

test("the operator says what a tier costs", () => {
  const priceOf = priceList(
    PricesConfig.parse({
      "openai/gpt-5": { input: 1, output: 2, tiers: { flex: 0.5, turbo: 1.125 } },
    }),
  );
  const price = priceOf(model("https://api.openai.com/v1", "gpt-5"));
  const used = { ...usage, input: 1_000 };
  expect(costNanoUsd(price, { ...used, serviceTier: "flex" })).toBe(500_000);
  expect(costNanoUsd(price, { ...used, serviceTier: "turbo" })).toBe(1_125_000);
  expect(costNanoUsd(price, { ...used, serviceTier: "priority" })).toBeNull();
  const refused = { input: 1, output: 2, tiers: { flex: 0.0005 } };
  expect(() => PricesConfig.parse({ "a/b": refused })).toThrow("0.001");
});

test("the operator's price wins, and one finer than can be counted is refused", () => {
  const configured = PricesConfig.parse({ "openai/gpt-5": { input: 0.075, output: 0.3 } });
  const priceOf = priceList(configured);
  expect(priceOf(model("https://api.openai.com/v1", "gpt-5"))).toEqual({ input: 75, output: 300 });
  expect(() => PricesConfig.parse({ "a/b": { input: 0.0375, output: 1 } })).toThrow("0.001");
});
