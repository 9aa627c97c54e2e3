// The native stream against a live gateway: small, complete, and closed to what it does not know.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import { ReplyAssembler, type Reply, type ReplyEvent } from "#wire";
import { startScriptedUpstream, eventStream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;
const upstream = startScriptedUpstream(() =>
  eventStream([
    `event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}}\n\n`,
    `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n`,
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}\n\n`,
    `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2lnbmVk"}}\n\n`,
    `event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n`,
    `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}}\n\n`,
    `event: message_stop\ndata: {"type":"message_stop"}\n\n`,
  ]),
);

beforeAll(async () => {
  const lab = { api: "messages", baseUrl: upstream.url };
  gateway = await startGatewayUnderTest({ config: { providers: { lab } } });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

const hello = [{ role: "user", parts: [{ kind: "text", text: "hello 漢字" }] }];
const ask = (body: object) =>
  gateway.post("/v1/native/stream", { model: "sim/echo", turns: hello, ...body });

async function read(response: Response): Promise<{ reply?: Reply; failure?: unknown }> {
  const assembler = new ReplyAssembler();
  let failure: unknown;
  const parser = createParser({
    onEvent: ({ data }) => {
      const event = JSON.parse(data) as ReplyEvent | { type: "error"; error: unknown };
      if ("error" in event) failure = event.error;
      else assembler.push(event);
    },
  });
  parser.feed(await response.text());
  return {
    ...(assembler.reply && { reply: assembler.reply }),
    ...(failure !== undefined && { failure }),
  };
}

describe("an answer", () => {
  test("is the same from every dialect of upstream", async () => {
    for (const upstreamName of ["sim", "sim-chat", "sim-responses", "sim-messages"]) {
      const model = `${upstreamName}/thinking`;
      const response = await ask({ model });
      expect(response.headers.get("content-type")).toStartWith("text/event-stream");
      const { reply } = await read(response);
      expect(reply?.parts).toMatchObject([
        { kind: "thinking" },
        { kind: "text", text: "hello 漢字" },
      ]);
      expect(reply).toMatchObject({ model, stop: "end", usage: {} });
    }
  });

  test("of 2,000 words costs less than 200 KB", async () => {
    const text = await (await ask({ model: "sim-messages/long" })).text();
    expect(text.length).toBeGreaterThan(2_000 * 8);
    expect(Buffer.byteLength(text)).toBeLessThan(200_000);
  });

  test("has calls whose results can be sent back", async () => {
    const schema = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ kind: "function", name: "get_weather", schema }];
    const { reply } = await read(await ask({ model: "sim-chat/tools", tools }));
    const calls = (reply?.parts ?? []).filter((part) => part.kind === "toolCall");
    expect(calls).toHaveLength(2);
    const results = calls.map(({ id }) => ({
      kind: "toolResult",
      id,
      parts: [{ kind: "text", text: "sunny" }],
    }));
    const turns = [...hello, { role: "assistant", parts: calls }, { role: "user", parts: results }];
    const next = await read(await ask({ model: "sim-chat/tools", tools, turns }));
    expect(next.reply?.parts).toMatchObject([{ kind: "text", text: "The tools have answered." }]);
  });

  test("hands out sealed state, and takes it back to the upstream that made it", async () => {
    const model = "lab/m";
    const { reply } = await read(await ask({ model, maxOutputTokens: 9_000 }));
    expect(reply?.parts).toMatchObject([
      { kind: "thinking", text: "hm", carrier: { kind: "signature", data: "c2lnbmVk" } },
    ]);
    const turns = [...hello, { role: "assistant", parts: reply?.parts ?? [] }, ...hello];
    await (await ask({ model, turns, maxOutputTokens: 9_000 })).text();
    expect(upstream.received.at(-1)?.body).toContain('"signature":"c2lnbmVk"');
  });
});

describe("a request", () => {
  const refused: readonly (readonly [string, object, string])[] = [
    ["an unknown field", { session: {} }, "session"],
    [
      "an unknown field deep inside",
      { turns: [{ ...hello[0], settings: 1 }] },
      "turns[0].settings",
    ],
    [
      "an unknown part",
      { turns: [{ role: "user", parts: [{ kind: "x" }] }] },
      "turns[0].parts[0].kind",
    ],
    [
      "live tool objects",
      { tools: [{ kind: "function", name: "f", schema: {}, run: {} }] },
      "tools[0].run",
    ],
    ["no turn", { turns: [] }, "turns"],
  ];
  test.each(refused)("with %s is refused with its path", async (_name, body, param) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { kind: "bad_request", param } });
  });

  test("that fails has its true status before the first byte, and an error event after it", async () => {
    const limited = await ask({ model: "sim-chat/rate-limited" });
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await limited.json()).toMatchObject({ error: { kind: "rate_limited" } });
    const { reply, failure } = await read(await ask({ model: "sim-chat/error-midstream" }));
    expect(reply).toBeUndefined();
    expect(failure).toMatchObject({ kind: expect.any(String), message: expect.any(String) });
  });

  test("without the key is a 401", async () => {
    const response = await fetch(`${gateway.url}/v1/native/stream`, { method: "POST", body: "{}" });
    expect(response.status).toBe(401);
  });
});
