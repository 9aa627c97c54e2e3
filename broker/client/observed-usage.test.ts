// Counts reach the broker once: kept while it is certain that it did not take them, dropped when nobody knows.

import { expect, test } from "bun:test";
import { createLogger, OutboundError } from "#platform";
import { MAX_OBSERVED_ENTRIES, ObservedUsageUpload } from "#wire";
import { BrokerRefused, BrokerUnauthorized, BrokerUnreachable } from "../errors.ts";
import { ObservedUsage } from "./observed-usage.ts";

const URL = "http://broker.test";
const used = {
  provider: "openai",
  model: "m-1",
  inputTokens: 10,
  outputTokens: 5,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0.5,
};

/** Counts against a broker that fails with these errors first; `tick` lets one interval pass. */
function observedBy(failures: readonly Error[] = []) {
  const left = [...failures];
  const told: ObservedUsageUpload[] = [];
  const lines: string[] = [];
  const pauses: number[] = [];
  let wake = () => {};
  const usage = new ObservedUsage({
    client: {
      reportUsage: async (upload) => {
        const failure = left.shift();
        if (failure) throw failure;
        told.push(ObservedUsageUpload.parse(upload));
      },
    },
    installId: "install-1",
    app: "gateway",
    log: createLogger({ write: (line) => lines.push(line) }),
    nowMs: () => 7,
    sleep: (ms, signal) => {
      pauses.push(ms);
      return new Promise((resolve) => {
        wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    },
    random: () => 0.5,
  });
  return { usage, told, lines, pauses, tick: () => wake() };
}

test("requests of one model are one entry, told about every ten seconds", async () => {
  const { usage, told, pauses, tick } = observedBy();
  usage.record(used);
  usage.record(used);
  usage.record({ ...used, model: "m-2", inputTokens: -3, outputTokens: 1.5, costUsd: NaN });
  tick();
  while (told.length === 0) await Bun.sleep(0);
  expect(pauses[0]).toBe(10_000);
  const sum = { ...used, at: 7, requests: 2, inputTokens: 20, outputTokens: 10, costUsd: 1 };
  const odd = {
    ...used,
    at: 7,
    requests: 1,
    model: "m-2",
    inputTokens: 0,
    outputTokens: 1,
    costUsd: 0,
  };
  expect(told).toEqual([{ installId: "install-1", app: "gateway", entries: [sum, odd] }]);
  await usage.stop();
  expect(told).toHaveLength(1);
});

test("what is left is told when it stops", async () => {
  const { usage, told } = observedBy();
  usage.record(used);
  await usage.stop();
  expect(told).toHaveLength(1);
});

test.each([
  ["refuses for now", new BrokerRefused(URL, 503, "busy")],
  ["refuses the token", new BrokerUnauthorized(URL)],
  [
    "is not there",
    new BrokerUnreachable(URL, "x", { cause: new OutboundError("connection_refused", URL, "x") }),
  ],
])("a broker that %s is told later, each request once", async (_name, failure) => {
  const { usage, told } = observedBy([failure]);
  usage.record(used);
  await usage.flush();
  usage.record(used);
  await usage.stop();
  expect(told.map(({ entries }) => entries.map(({ requests }) => requests))).toEqual([[2]]);
});

test.each([
  [
    "an answer that was lost",
    new BrokerUnreachable(URL, "x", { cause: new OutboundError("timeout_headers", URL, "x") }),
  ],
  ["a refusal for good", new BrokerRefused(URL, 400, "entries: wrong")],
])("%s is not followed by the same counts again", async (_name, failure) => {
  const { usage, told, lines } = observedBy([failure]);
  usage.record(used);
  await usage.flush();
  await usage.stop();
  expect(told).toEqual([]);
  expect(lines).toHaveLength(1);
});

test("no more models are counted than one upload holds, and nothing the protocol cannot carry", async () => {
  const { usage, told, lines } = observedBy();
  usage.record({ ...used, provider: "not a provider" });
  usage.record({ ...used, model: "" });
  for (let i = 0; i < MAX_OBSERVED_ENTRIES + 5; i++) usage.record({ ...used, model: `m-${i}` });
  usage.record({ ...used, model: "m-0" });
  await usage.stop();
  expect(told[0]?.entries).toHaveLength(MAX_OBSERVED_ENTRIES);
  expect(told[0]?.entries[0]?.requests).toBe(2);
  expect(lines).toHaveLength(1);
});

test("a broker that collects no usage is left alone after the first answer", async () => {
  const { usage, told, lines } = observedBy([new BrokerRefused(URL, 404, "No route")]);
  usage.record(used);
  await usage.flush();
  usage.record(used);
  await usage.stop();
  expect(told).toEqual([]);
  expect(lines).toHaveLength(1);
});
