// The one question to a provider: bounded in time, sent to one place, and telling nothing when it goes wrong.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createOutbound } from "#platform";
import type { Credential } from "#wire";
import { inspect } from "node:util";
import { MAX_RETRY_AFTER_MS, probeUsage, UsageProbeError } from "./usage-probe.ts";
import { describeProvider, grant, ScriptedProvider } from "./usage-under-test.ts";

const NOW_MS = Date.UTC(2026, 10, 20);
let provider: ScriptedProvider;

beforeEach(() => {
  provider = new ScriptedProvider();
});

afterEach(() => provider.stop());

function ask(credential: Credential = grant("a"), { signal = new AbortController().signal } = {}) {
  const { usage } = describeProvider("acme", provider.url);
  if (usage === undefined) throw new Error("described without a probe");
  const nowMs = () => NOW_MS;
  return probeUsage(usage, credential, {
    outbound: createOutbound(),
    signal,
    nowMs,
    timeoutMs: 200,
  });
}

async function failure(credential?: Credential): Promise<UsageProbeError> {
  try {
    await ask(credential);
  } catch (error) {
    expect(inspect(error, { depth: 10 })).not.toContain("canary");
    if (error instanceof UsageProbeError) return error;
    throw error;
  }
  throw new Error("it went well");
}

test("a provider that is silent, or drips, is given up in time", async () => {
  provider.answer = () => new Promise<Response>(() => {});
  expect(await failure()).toMatchObject({
    code: "usage_unreachable",
    message: expect.stringContaining("no answer within 200 ms"),
  });
  provider.answer = () => new Response(dripping());
  expect((await failure()).message).toContain("no answer within 200 ms");
});

test("a redirect is not followed, so that no token gets elsewhere", async () => {
  const elsewhere = new ScriptedProvider();
  provider.answer = () => Response.redirect(elsewhere.url, 307);
  expect((await failure()).code).toBe("usage_unreachable");
  expect(elsewhere.asked).toEqual([]);
  await elsewhere.stop();
});

test("a refusal that repeats the token tells it to nobody", async () => {
  provider.answer = ({ headers }) => new Response(headers["authorization"], { status: 401 });
  expect((await failure()).code).toBe("usage_refused");
  provider.answer = ({ headers }) => new Response(headers["authorization"]);
  expect((await failure()).code).toBe("usage_answer_unusable");
});

test("an account whose fields no header can carry is an error without them", async () => {
  expect(await failure({ ...grant("a"), accountId: "canary\r\nx: y" })).toMatchObject({
    code: "usage_unreachable",
  });
  expect(provider.asked).toEqual([]);
});

describe("a 429", () => {
  test.each([
    ["30", 30_000],
    [new Date(NOW_MS + 60_000).toUTCString(), 60_000],
    [new Date(NOW_MS - 60_000).toUTCString(), 0],
    ["999999", MAX_RETRY_AFTER_MS],
    ["later", undefined],
  ])("with retry-after %s asks for %p ms, and is not repeated", async (text, retryAfterMs) => {
    provider.answer = () => new Response("", { status: 429, headers: { "retry-after": text } });
    expect(await failure()).toMatchObject({ code: "usage_rate_limited", retryAfterMs });
    expect(provider.asked.length).toBe(1);
  });
});

test("an answer nested without end is refused, not parsed", async () => {
  provider.answer = () => new Response("[".repeat(100_000));
  expect((await failure()).code).toBe("usage_answer_unusable");
});

/** A byte now and then, for ever. */
function dripping(): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new Uint8Array([0x20])), 20);
    },
    cancel: () => clearInterval(timer),
  });
}
