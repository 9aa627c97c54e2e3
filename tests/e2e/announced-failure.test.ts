// A stream that was only announced before it failed: the next account is asked, and without one the caller gets a real
// status. One that goes on for long goes out, however little it says.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { grammars } from "../grammar/grammar.ts";
import { eventStream, startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const event = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const response = { id: "resp_1", object: "response", model: "m", output: [] };
const error = { code: "server_is_overloaded", message: "too busy" };
const CREATED = event("response.created", { sequence_number: 0, response });
const IN_PROGRESS = event("response.in_progress", { sequence_number: 1, response });
const FAILED = event("response.failed", {
  sequence_number: 2,
  response: { ...response, status: "failed", error },
});
const COMPLETED = event("response.completed", {
  sequence_number: 2,
  response: { ...response, status: "completed", usage: { input_tokens: 1, output_tokens: 1 } },
});

let failing: (signal: AbortSignal) => Response;
let serving: () => Response;
const calls: string[] = [];
const upstream = startScriptedUpstream(({ headers, signal }) => {
  const isFirst = headers["authorization"]?.includes("first") ?? false;
  calls.push(isFirst ? "first" : "second");
  return isFirst ? failing(signal) : serving();
});
let gateway: GatewayUnderTest;

beforeAll(async () => {
  const provider = (name: string) => ({
    api: "responses",
    baseUrl: `${upstream.url}/v1`,
    apiKey: `sk-of-the-${name}-account`,
    models: [{ id: "m" }],
  });
  gateway = await startGatewayUnderTest({
    config: {
      gateway: {
        routes: {
          both: [
            { model: "first/m", priority: 0 },
            { model: "second/m", priority: 1 },
          ],
        },
      },
      providers: { first: provider("first"), second: provider("second") },
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});
afterEach(() => calls.splice(0));

const lanes = {
  "the same dialect": ["/v1/responses", { input: "hi" }],
  "another dialect": [
    "/v1/messages",
    { max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
  ],
} as const;
const answers = (model: string, [path, said]: (typeof lanes)[keyof typeof lanes]) =>
  gateway.post(path, { model, stream: true, ...said });

describe.each(Object.entries(lanes))("to a caller of %s", (_, lane) => {
  const failures: readonly [string, readonly string[]][] = [
    ["announced and failed", [CREATED + FAILED]],
    [
      "announced twice, in pieces, and failed",
      [CREATED.slice(0, 30), CREATED.slice(30), IN_PROGRESS, FAILED],
    ],
    ["announced, and told of an error", [CREATED, event("error", { error }), FAILED]],
    ["only a comment and an error", [": processing\n\n", event("error", { error })]],
    ["announced and broken off", [CREATED]],
  ];

  test.each(failures)("a stream that was %s is served by the next way", async (_name, pieces) => {
    failing = () => eventStream(pieces);
    serving = () => eventStream([CREATED, COMPLETED]);
    const answer = await answers("both", lane);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(
      lane[0] === "/v1/responses" ? "completed" : "message_stop",
    );
    // The first way may rest by now; then it is not asked at all.
    expect(calls.at(-1)).toBe("second");
  });

  test("with no other way it is a real status, with the upstream's words and its wait", async () => {
    serving = () => {
      const stream = eventStream([CREATED, FAILED]);
      stream.headers.set("retry-after", "7");
      return stream;
    };
    const answer = await answers("second/m", lane);
    expect(answer.status).toBe(lane[0] === "/v1/responses" ? 503 : 529);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(await answer.text()).toContain("too busy");
  });
});

/** A stream whose second part waits. */
function parted(first: string, until: Promise<void>, second: string): Response {
  const source: Bun.DirectUnderlyingSource = {
    type: "direct",
    async pull(controller) {
      controller.write(first);
      await controller.flush();
      await until;
      controller.write(second);
      controller.close();
    },
  };
  return new Response(new ReadableStream(source), {
    headers: { "content-type": "text/event-stream" },
  });
}

test("what is wrong with the request is not asked twice", async () => {
  const wrong = { code: "invalid_prompt", message: "no" };
  failing = () =>
    eventStream([CREATED, event("response.failed", { response: { ...response, error: wrong } })]);
  const answer = await answers("first/m", lanes["the same dialect"]);
  expect(answer.status).toBe(400);
  expect(calls).toEqual(["first"]);
});

test("a stream that is announced and then thinks goes out within seconds, whole", async () => {
  const thought = Promise.withResolvers<void>();
  failing = () => parted(CREATED, thought.promise, COMPLETED);
  const answer = await answers("first/m", lanes["the same dialect"]);
  expect(answer.status).toBe(200);
  const reader = answer.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toContain("response.created");
  thought.resolve();
  const rest = new TextDecoder().decode((await reader?.read())?.value);
  expect(rest).toContain("response.completed");
  await reader?.cancel();
});

test("announcements beyond all measure go out", async () => {
  const large = event("response.created", {
    response: { ...response, instructions: "x".repeat(1_200_000) },
  });
  const begun = Promise.withResolvers<void>();
  failing = () => parted(large, begun.promise, FAILED);
  const answer = await answers("first/m", lanes["the same dialect"]);
  expect(answer.status).toBe(200);
  begun.resolve();
  expect(grammars.responses.readStream(await answer.text()).error).toBeDefined();
});
