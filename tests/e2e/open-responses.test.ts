// What the Open Responses acceptance suite asks of a server, in our words and against every dialect of upstream: the
// sixteen of its seventeen points that reach a server (the other tests the suite's own description). Every object is read
// by our grammar, and by the description that Open Responses publishes where the corpus has it.
// docs/conformance.md says how the suite itself is run.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { corpusRoot } from "../corpus/corpus.ts";
import { grammars } from "../grammar/grammar.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";
import { openResponsesSchema } from "./open-responses-schema.ts";

const UPSTREAMS = ["sim", "sim-chat", "sim-responses", "sim-messages", "sim-generate"] as const;
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/p9n5JQAAAABJRU5ErkJggg==";
const NOT_FOUND = "previous_response_not_found";

const Item = z.looseObject({ type: z.string() });
const Answer = z.looseObject({
  id: z.string(),
  output: z.array(Item),
  status: z.string().optional(),
});
const Event = z.looseObject({
  type: z.string(),
  response: Answer.optional(),
  error: z.looseObject({ code: z.string() }).optional(),
});
type Event = z.infer<typeof Event>;
type Turn = (before: readonly Event[]) => object;

const judge = openResponsesSchema();
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.stop());

if (!judge) {
  const line = `no corpus at ${corpusRoot()}: Open Responses' own description judges nothing`;
  test.skip(line, () => undefined);
}

const says = (content: unknown, role = "user") => ({ type: "message", role, content });

/** A whole answer, which every judge has read. */
async function create(body: object) {
  const response = await gateway.post("/v1/responses", body);
  const answer: unknown = await response.json();
  expect(response.status).toBe(200);
  checkAnswer(answer);
  const { status, output } = Answer.parse(answer);
  expect(output).not.toBeEmpty();
  return { status, types: output.map(({ type }) => type) };
}

function checkAnswer(answer: unknown): void {
  expect(grammars.responses.checkBody(answer)).toEqual([]);
  expect(judge?.checkResponse(answer) ?? []).toEqual([]);
}

/** Turns on one socket, one after the other; the last event of each. */
async function converse(...turns: readonly Turn[]): Promise<readonly Event[]> {
  const url = `${gateway.url.replace("http", "ws")}/v1/responses`;
  const headers = { authorization: `Bearer ${gateway.token}` };
  const socket = new WebSocket(url, { headers });
  const ends: Event[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const send = () => {
    const turn = turns[ends.length];
    if (!turn) return resolve();
    socket.send(JSON.stringify({ type: "response.create", store: false, ...turn(ends) }));
  };
  socket.addEventListener("open", send);
  socket.addEventListener("close", () => reject(new Error("closed before its end")));
  socket.addEventListener("message", ({ data }) => {
    try {
      const end = readEvent(JSON.parse(String(data)));
      if (!end) return;
      ends.push(end);
      send();
    } catch (error) {
      reject(error);
    }
  });
  await promise.finally(() => socket.close());
  return ends;
}

/** The event, if it ends a turn. */
function readEvent(value: unknown): Event | undefined {
  const event = Event.parse(value);
  const isError = event.type === "error";
  const check = isError ? judge?.checkSocketError : judge?.checkEvent;
  expect(check?.(value) ?? []).toEqual([]);
  if (isError) return event;
  if (!["response.completed", "response.failed", "response.incomplete"].includes(event.type))
    return undefined;
  checkAnswer(event.response);
  return event;
}

const idOf = (event: Event | undefined) => event?.response?.id;
const typesOf = (events: readonly Event[]) => events.map(({ type }) => type);

describe.each(UPSTREAMS)("Open Responses on %s", (upstream) => {
  // One model for all, as the suite has it: it calls a tool where one is offered.
  const model = `${upstream}/tool`;
  const ask = (input: unknown) => create({ model, input });

  test("a message is answered", async () => {
    expect((await ask([says("Say hello in three words.")])).status).toBe("completed");
  });

  test("a history with phases is taken", async () => {
    const thought = { ...says("I look it up.", "assistant"), phase: "commentary" };
    const answer = { ...says("It is four.", "assistant"), phase: "final_answer" };
    const input = [thought, answer, says("Once more.")];
    // Neither Anthropic nor Gemini takes a conversation that an answer begins.
    if (!["sim-messages", "sim-generate"].includes(upstream)) {
      expect((await ask(input)).status).toBe("completed");
      return;
    }
    const refused = await gateway.post("/v1/responses", { model, input });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { param: "input[0]" } });
    const asked = [says("Two and two?"), ...input];
    expect((await ask(asked)).status).toBe("completed");
  });

  test("a system message is taken", async () => {
    expect((await ask([says("Be brief.", "system"), says("Hello.")])).status).toBe("completed");
  });

  test("an image is taken", async () => {
    const content = [
      { type: "input_text", text: "What is it?" },
      { type: "input_image", image_url: PIXEL },
    ];
    expect((await ask([says(content)])).status).toBe("completed");
  });

  test("a conversation is gone on with", async () => {
    const said = [says("I am Alice."), says("Hello, Alice!", "assistant"), says("Who am I?")];
    expect((await ask(said)).status).toBe("completed");
  });

  test("a tool is called", async () => {
    const parameters = { type: "object", properties: { location: { type: "string" } } };
    const tools = [{ type: "function", name: "get_weather", description: "Weather", parameters }];
    const { types } = await create({ model, input: [says("How is Paris?")], tools });
    expect(types).toContain("function_call");
  });

  test("a stream is events that end in the answer", async () => {
    const input = [says("Count to five.")];
    const response = await gateway.post("/v1/responses", { model, input, stream: true });
    const text = await response.text();
    expect(grammars.responses.checkStream(text)).toEqual([]);
    const events = text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => readEvent(JSON.parse(line.slice("data: ".length))));
    expect(events.at(-1)?.response?.status).toBe("completed");
  });

  test("a socket answers, and answers again", async () => {
    const ends = await converse(
      () => ({ model, input: [says("Count to three.")] }),
      () => ({ model, input: "second" }),
    );
    expect(typesOf(ends)).toEqual(["response.completed", "response.completed"]);
  });

  test("a socket goes on from an answer that was not stored", async () => {
    const ends = await converse(
      () => ({ model, input: "The word is cobalt." }),
      ([first]) => ({ model, previous_response_id: idOf(first), input: "Which?" }),
    );
    expect(typesOf(ends)).toEqual(["response.completed", "response.completed"]);
  });

  test("another socket does not know it, says so, and serves a new conversation", async () => {
    const [first] = await converse(() => ({ model, input: "The word is copper." }));
    const [missed, recovered] = await converse(
      () => ({ model, previous_response_id: idOf(first), input: "Which?" }),
      () => ({ model, input: [says("We begin anew.")] }),
    );
    expect(missed?.error?.code).toBe(NOT_FOUND);
    expect(recovered?.response?.status).toBe("completed");
  });

  test("an answer that never was is not found", async () => {
    const [end] = await converse(() => ({ model, previous_response_id: "resp_never", input: "?" }));
    expect(end?.error?.code).toBe(NOT_FOUND);
  });

  test("a turn that fails forgets the answer it went on from", async () => {
    const orphan = {
      type: "function_call_output",
      call_id: "call_missing",
      output: "nobody asked",
    };
    const [first, failed, retried] = await converse(
      () => ({ model, input: "The word is ember." }),
      ([begun]) => ({ model, previous_response_id: idOf(begun), input: [orphan] }),
      ([begun]) => ({ model, previous_response_id: idOf(begun), input: "And now?" }),
    );
    expect(first?.type).toBe("response.completed");
    expect(failed?.error?.code ?? failed?.response?.status).not.toBe("completed");
    expect(retried?.error?.code).toBe(NOT_FOUND);
  });

  test("compaction without a model is refused", async () => {
    const response = await gateway.post("/v1/responses/compact", { input: [says("Compact it.")] });
    expect(response.status).toBe(400);
  });
});

// Compacted state is the provider's own, so only one that speaks Responses has the endpoint.
describe.each(["sim", "sim-responses"])("Open Responses' compaction on %s", (upstream) => {
  const model = `${upstream}/tool`;

  async function compact(): Promise<{ output: object[]; types: string[] }> {
    const input = [says("We launch on Tuesday."), says("Understood.", "assistant")];
    const asked = { model, input, prompt_cache_key: "compaction" };
    const response = await gateway.post("/v1/responses/compact", asked);
    const answer: unknown = await response.json();
    expect(response.status).toBe(200);
    expect(judge?.checkCompaction(answer) ?? []).toEqual([]);
    const { output } = Answer.parse(answer);
    return { output, types: output.map(({ type }) => type) };
  }

  test("gives the compacted conversation", async () => {
    expect((await compact()).types).toContain("compaction");
  });

  test("begins a new conversation on a socket with it", async () => {
    const { output } = await compact();
    const [end] = await converse(() => ({ model, input: [...output, says("Go on.")], tools: [] }));
    expect(end?.response?.status).toBe("completed");
  });
});
