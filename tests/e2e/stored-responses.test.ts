// Responses that the gateway keeps: by the official SDK, whole and streamed, on both lanes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;
let openai: OpenAI;
const upstream = startScriptedUpstream(({ body }) => {
  const { input } = JSON.parse(body) as { input: unknown };
  const text = JSON.stringify(input);
  const content = [{ type: "output_text", text, annotations: [] }];
  const message = { type: "message", id: "msg_1", role: "assistant", status: "completed", content };
  const id = `resp_${upstream.received.length}`;
  return Response.json({ id, object: "response", status: "completed", output: [message] });
});

beforeAll(async () => {
  const lab = { api: "responses", baseUrl: `${upstream.url}/v1` };
  gateway = await startGatewayUnderTest({
    config: { gateway: { responseStore: true }, providers: { lab } },
  });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token, maxRetries: 0 });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

/** The SDK's promises are thenables of its own, which no matcher waits for. */
const refusal = async (asked: PromiseLike<unknown>): Promise<unknown> => {
  try {
    return await asked;
  } catch (error) {
    return error;
  }
};

describe("a stored response", () => {
  test("is fetched as it was, listed with its input, and deleted", async () => {
    for (const model of ["sim/echo", "sim-chat/echo"]) {
      const made = await openai.responses.create({ model, input: "keep me" });
      expect(made).toMatchObject({ store: true });
      const fetched = await openai.responses.retrieve(made.id);
      expect(fetched.output).toEqual(made.output);
      const items = await Array.fromAsync(openai.responses.inputItems.list(made.id, { limit: 1 }));
      expect(items).toMatchObject([{ role: "user", content: [{ text: "keep me" }] }]);
      await openai.responses.delete(made.id);
      expect(await refusal(openai.responses.retrieve(made.id))).toMatchObject({ status: 404 });
    }
  });

  test("is gone on from, streamed too; nothing of it is stored upstream", async () => {
    const model = "lab/m";
    const first = await openai.responses.create({ model, input: "cobalt" });
    const second = await openai.responses.create({
      model,
      previous_response_id: first.id,
      input: "which?",
    });
    expect(second.previous_response_id).toBe(first.id);
    expect(second.output_text).toContain("cobalt");
    const sent = JSON.parse(upstream.received.at(-1)?.body ?? "{}") as Record<string, unknown>;
    expect(sent["store"]).toBe(false);
    expect(sent).not.toHaveProperty("previous_response_id");
    expect(sent["input"]).toHaveLength(3);
    const streamed = await openai.responses
      .stream({ model: "sim-messages/echo", previous_response_id: second.id, input: "streamed" })
      .finalResponse();
    expect(streamed.output_text).toBe("streamed");
    expect(streamed.previous_response_id).toBe(second.id);
    const { data } = await openai.responses.inputItems.list(streamed.id, { order: "asc" });
    expect(data).toHaveLength(5);
  });

  test("with store: false is not kept, but may go on from one that is", async () => {
    const kept = await openai.responses.create({ model: "sim/echo", input: "one" });
    const loose = await openai.responses.create({
      model: "sim/echo",
      previous_response_id: kept.id,
      store: false,
      input: "two",
    });
    expect(loose).toMatchObject({ store: false, previous_response_id: kept.id });
    expect(await refusal(openai.responses.retrieve(loose.id))).toMatchObject({ status: 404 });
  });
});

test("an unknown response is refused in the dialect where no upstream may know it", async () => {
  const asked = { model: "sim-chat/echo", previous_response_id: "resp_none", input: "x" };
  expect(await refusal(openai.responses.create(asked))).toMatchObject({
    status: 400,
    code: "previous_response_not_found",
  });
});

test("a failed answer is not kept", async () => {
  const stream = await openai.responses.create({
    model: "sim/error-midstream",
    input: "x",
    stream: true,
  });
  const ids: string[] = [];
  const reading = (async () => {
    for await (const event of stream) if ("response" in event) ids.push(event.response.id);
  })();
  await reading.catch(() => {});
  expect(ids.length).toBeGreaterThan(0);
  expect(await refusal(openai.responses.retrieve(ids[0] ?? ""))).toMatchObject({ status: 404 });
});

test("where nothing is kept, the refusal names the setting", async () => {
  const other = await startGatewayUnderTest();
  try {
    const response = await fetch(`${other.url}/v1/responses/resp_1`, {
      headers: { authorization: `Bearer ${other.token}` },
    });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("gateway.responseStore");
  } finally {
    await other.stop();
  }
});
