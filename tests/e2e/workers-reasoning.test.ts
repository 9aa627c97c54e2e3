// A Chat client that hands no reasoning back, before a gateway of several processes: whichever it meets, it is put back.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";
import { sendAlone, until } from "./worker-processes.ts";

const THINKING = { type: "thinking", thinking: "hm", signature: "c2lnbmVk" };
const upstream = startScriptedUpstream(() =>
  Response.json({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [THINKING, { type: "tool_use", id: "toolu_1", name: "f", input: {} }],
    stop_reason: "tool_use",
    usage: { input_tokens: 3, output_tokens: 9 },
  }),
);
let gateway: GatewayUnderTest;
const onLinux = process.platform === "linux";

beforeAll(async () => {
  if (!onLinux) return;
  const lab = { api: "messages", baseUrl: upstream.url, apiKey: "sk-lab-0123456789" };
  gateway = await startGatewayUnderTest({
    config: { gateway: { workers: 2 }, providers: { lab: { ...lab, models: [{ id: "m" }] } } },
  });
});
afterAll(async () => {
  if (onLinux) await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

describe.skipIf(!onLinux)("a gateway of two workers", () => {
  test("remembers reasoning for a client that meets another worker", async () => {
    const asked = {
      model: "lab/m",
      reasoning_effort: "medium",
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    };
    const hello = { role: "user", content: "hi" };
    const send = async (messages: readonly object[]) => {
      const url = `${gateway.url}/v1/chat/completions`;
      const answer = await sendAlone(url, gateway.token, { body: { ...asked, messages } });
      expect(answer.status).toBe(200);
      await answer.text();
      return upstream.received.at(-1)?.body ?? "";
    };
    await send([hello]);
    const call = { id: "toolu_1", type: "function", function: { name: "f", arguments: "{}" } };
    const forgetful = [
      hello,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "toolu_1", content: "done" },
    ];
    const isPutBack = async () => (await send(forgetful)).includes(THINKING.signature);
    // The worker that has it tells the first process without waiting for that.
    await until(async () => ((await isPutBack()) ? true : undefined));
    for (let count = 0; count < 8; count += 1) expect(await isPutBack()).toBe(true);
  }, 60_000);
});
