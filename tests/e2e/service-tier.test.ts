// The tier that served a request, from the upstream's answer to the ledger and its price, in both lanes.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readUsageSums } from "#gateway";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let tier: string | undefined;
const upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });

/** 100 tokens in and 10 out, whole or as a stream, by whatever tier the test says. */
async function answer(request: Request): Promise<Response> {
  const { stream } = (await request.json()) as { stream?: boolean };
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
  const shared = { id: "c", created: 1, model: "m", ...(tier && { service_tier: tier }) };
  const message = { role: "assistant", content: "hello" };
  if (!stream) {
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    return Response.json({ ...shared, object: "chat.completion", choices, usage });
  }
  const chunks = [
    { choices: [{ index: 0, delta: message, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    { choices: [], usage },
  ].map((chunk) => ({ ...shared, object: "chat.completion.chunk", ...chunk }));
  const lines = [...chunks.map((chunk) => JSON.stringify(chunk)), "[DONE]"];
  const body = lines.map((line) => `data: ${line}\n\n`).join("");
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        lab: {
          api: "chat",
          baseUrl: `http://127.0.0.1:${upstream.port}/v1`,
          apiKey: "sk-of-the-lab",
          models: [{ id: "m" }],
        },
      },
      gateway: { prices: { "lab/m": { input: 1, output: 2, tiers: { flex: 0.5 } } } },
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop(true);
});

const USUAL_NANO_USD = 100 * 1_000 + 10 * 2_000;

async function booked(ask: () => Promise<Response>) {
  const since = await totals();
  await (await ask()).text();
  const deadline = performance.now() + 5_000;
  for (;;) {
    const now = await totals();
    if (now.requests > since.requests) {
      const costNanoUsd = now.costNanoUsd - since.costNanoUsd;
      return { costNanoUsd, unpriced: now.unpriced - since.unpriced };
    }
    if (performance.now() > deadline) throw new Error("the ledger has not taken it down in time");
    await Bun.sleep(10);
  }
}

async function totals() {
  const [sum] = await readUsageSums(gateway.env, { by: "model", sinceMs: 0 });
  const { requests = 0, costNanoUsd = 0, unpriced = 0 } = sum ?? {};
  return { requests, costNanoUsd: costNanoUsd ?? 0, unpriced };
}

const messages = [{ role: "user", content: "x" }];
const lanes = {
  "passed through": (stream: boolean) =>
    gateway.post("/v1/chat/completions", {
      model: "lab/m",
      messages,
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
    }),
  translated: (stream: boolean) =>
    gateway.post("/v1/messages", { model: "lab/m", messages, max_tokens: 50, stream }),
};

for (const [lane, ask] of Object.entries(lanes)) {
  for (const stream of [false, true]) {
    test(`${lane}, ${stream ? "streamed" : "whole"}: a tier costs its share, an unpriced one is not guessed`, async () => {
      tier = undefined;
      expect(await booked(() => ask(stream))).toEqual({ costNanoUsd: USUAL_NANO_USD, unpriced: 0 });
      tier = "flex";
      const half = { costNanoUsd: USUAL_NANO_USD / 2, unpriced: 0 };
      expect(await booked(() => ask(stream))).toEqual(half);
      tier = "priority";
      expect(await booked(() => ask(stream))).toEqual({ costNanoUsd: 0, unpriced: 1 });
    });
  }
}
