// The broker hears the latest limits of each credential, now and then, and nothing else of an answer.

import { expect, test } from "bun:test";
import { createLogger } from "#platform";
import { LimitsUpload } from "#wire";
import { BrokerRefused } from "../errors.ts";
import { LIMIT_REPORT_PAUSE_MS, LimitFeed } from "./limit-feed.ts";
import { until } from "./scripted-broker.ts";

/** A feed whose pauses the test ends by hand. */
function feedOf({ failure }: { failure?: Error } = {}) {
  const told: [number, Readonly<Record<string, string>>][] = [];
  const pauses: PromiseWithResolvers<void>[] = [];
  const feed = new LimitFeed({
    client: {
      reportLimits: async (id, headers) => {
        told.push([id, LimitsUpload.parse({ headers }).headers]);
        if (failure) throw failure;
      },
    },
    log: createLogger({ level: "silent" }),
    sleep: (ms, signal) => {
      expect(ms).toBe(LIMIT_REPORT_PAUSE_MS);
      const pause = Promise.withResolvers<void>();
      pauses.push(pause);
      signal.addEventListener("abort", () => pause.resolve());
      return pause.promise;
    },
  });
  return { feed, told, pauses };
}

const limits = (remaining: string) =>
  new Headers({ "x-ratelimit-remaining-tokens": remaining, "set-cookie": "a=canary", date: "x" });

test("the first word is told at once, then the latest one after each pause", async () => {
  const { feed, told, pauses } = feedOf();
  feed.record(1, limits("9"));
  await until(() => pauses.length === 1);
  for (const remaining of ["8", "7", "6"]) feed.record(1, limits(remaining));
  feed.record(
    2,
    new Headers({ "anthropic-ratelimit-unified-5h-utilization": "0.5", "retry-after": "3" }),
  );
  await until(() => pauses.length === 2);
  expect(told).toEqual([
    [1, { "x-ratelimit-remaining-tokens": "9" }],
    [2, { "anthropic-ratelimit-unified-5h-utilization": "0.5", "retry-after": "3" }],
  ]);
  pauses[0]?.resolve();
  await until(() => told.length === 3);
  expect(told[2]).toEqual([1, { "x-ratelimit-remaining-tokens": "6" }]);
  feed.stop();
});

test("an answer that says nothing of limits, or too much, is nothing to tell", async () => {
  const { feed, told, pauses } = feedOf();
  feed.record(1, new Headers({ "content-type": "text/plain", "x-quota": "x".repeat(2_000) }));
  feed.record(
    1,
    new Headers(Array.from({ length: 99 }, (_, i): [string, string] => [`x-quota-${i}`, "1"])),
  );
  await until(() => pauses.length === 1);
  expect(told.map(([, headers]) => Object.keys(headers).length)).toEqual([64]);
  feed.stop();
  feed.record(1, limits("9"));
  expect(told).toHaveLength(1);
});

test("a broker that does not listen is told again after a pause, not sooner", async () => {
  const { feed, told, pauses } = feedOf({
    failure: new BrokerRefused("http://b.test", 404, "No route"),
  });
  feed.record(1, limits("9"));
  await until(() => pauses.length === 1);
  feed.record(1, limits("8"));
  expect(told).toHaveLength(1);
  pauses[0]?.resolve();
  await until(() => told.length === 2);
  feed.stop();
});
