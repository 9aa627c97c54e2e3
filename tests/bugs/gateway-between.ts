// A live gateway between a client and an upstream that answers as the test says: what the client got is
// read by the grammars' own readers, and every translated stream must be clean. Refuses to look inside.

import { afterAll, beforeAll, expect } from "bun:test";
import { startGatewayUnderTest, type GatewayUnderTest } from "../e2e/gateway-under-test.ts";
import { fields, fieldsList, type Fields } from "../grammar/findings.ts";
import { grammars } from "../grammar/grammar.ts";
import type { Outcome } from "../grammar/outcome.ts";
import { readFrames } from "../grammar/sse.ts";
import { type ReceivedRequest, type Script, startScriptedUpstream } from "../scripted-upstream.ts";

/** The dialects, on both sides. */
export const dialects = ["chat", "responses", "messages"] as const;
export type Dialect = (typeof dialects)[number];

/** What an upstream may speak: Gemini's own dialect besides. */
export type UpstreamDialect = Dialect | "generate";

const PATHS = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  messages: "/v1/messages",
} as const;

/** The least that each dialect lets a client say. */
export const HELLO: Readonly<Record<Dialect, Fields>> = {
  chat: { messages: [{ role: "user", content: "hi" }] },
  responses: { input: "hi" },
  messages: { max_tokens: 2_000, messages: [{ role: "user", content: "hi" }] },
};

/** One question and its answer. */
export interface Exchanged {
  readonly response: Response;
  readonly text: string;
  /** What the client understood. */
  readonly outcome: Outcome;
  /** The JSON of each SSE event the client got, with its name. */
  readonly events: readonly (Fields & { readonly name: string })[];
  /** The body the upstream got, and as it was written. */
  readonly sent: Fields;
  readonly sentText: string;
}

/** Who asks whom. */
export interface Between {
  /** An SSE text, a whole reply, or what a function of the test's own gives. */
  readonly answer?: string | Fields | Script;
  readonly body?: Fields;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Model id at the upstream; "m" when absent. */
  readonly model?: string;
}

/** What tests ask through. */
export interface Gatewayed {
  /** A streamed exchange when `answer` is a text. */
  exchange(client: Dialect, upstream: UpstreamDialect, between?: Between): Promise<Exchanged>;
  /** The answer as it comes, unread. */
  ask(client: Dialect, upstream: UpstreamDialect, between: Between): Promise<Response>;
}

/** Starts a gateway for the tests of the calling file, and stops it after them. */
export function gatewayBetween(): Gatewayed {
  let script: Script = () => new Response("no script", { status: 500 });
  let last: ReceivedRequest | undefined;
  const upstream = startScriptedUpstream((request) => {
    last = request;
    return script(request);
  });
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    const provider = (api: UpstreamDialect) => ({
      api,
      baseUrl: upstream.url,
      apiKey: "sk-up-0123456789",
    });
    gateway = await startGatewayUnderTest({
      config: {
        providers: {
          chat: { ...provider("chat"), baseUrl: `${upstream.url}/v1` },
          responses: { ...provider("responses"), baseUrl: `${upstream.url}/v1` },
          messages: provider("messages"),
          generate: provider("generate"),
        },
      },
    });
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream[Symbol.asyncDispose]();
  });

  const ask = (client: Dialect, to: UpstreamDialect, between: Between): Promise<Response> => {
    const { answer = {}, body = {}, headers = {}, signal, model = "m" } = between;
    script = typeof answer === "function" ? answer : () => respond(answer);
    const stream = typeof answer === "object" ? {} : { stream: true };
    const asked = { model: `${to}/${model}`, ...HELLO[client], ...stream, ...body };
    return gateway.post(PATHS[client], asked, { headers, ...(signal && { signal }) });
  };

  const exchange = async (client: Dialect, to: UpstreamDialect, between: Between = {}) => {
    last = undefined;
    const response = await ask(client, to, { answer: REPLIES[to], ...between });
    const text = await response.text();
    const sentText = last === undefined ? "" : (last as ReceivedRequest).body;
    const isStream = (response.headers.get("content-type") ?? "").includes("event-stream");
    if (isStream && client !== to) expect(grammars[client].checkStream(text)).toEqual([]);
    const grammar = grammars[client];
    return {
      response,
      text,
      outcome: isStream ? grammar.readStream(text) : grammar.readBody(JSON.parse(text)),
      events: isStream ? eventsOf(text) : [],
      sent: fields(sentText === "" ? {} : JSON.parse(sentText)),
      sentText,
    };
  };
  return { exchange, ask };
}

function respond(answer: string | Fields): Response {
  if (typeof answer !== "string") return Response.json(answer);
  return new Response(answer, { headers: { "content-type": "text/event-stream" } });
}

function eventsOf(text: string) {
  return readFrames(text)
    .filter(({ data }) => data !== "[DONE]")
    .map(({ event, data }) => ({ ...fields(JSON.parse(data)), name: event }));
}

/** A whole reply of each dialect that says "ok". */
export const REPLIES: Readonly<Record<UpstreamDialect, Fields>> = {
  generate: {
    candidates: [{ content: { role: "model", parts: [{ text: "ok" }] }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 1, totalTokenCount: 4 },
  },
  chat: {
    id: "chatcmpl-up",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
  },
  responses: {
    id: "resp_up",
    object: "response",
    created_at: 1,
    model: "m",
    status: "completed",
    output: [
      {
        id: "msg_1",
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: "ok", annotations: [] }],
      },
    ],
    usage: { input_tokens: 3, output_tokens: 1, total_tokens: 4 },
  },
  messages: {
    id: "msg_up",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "ok" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  },
};

/** A content block as a client of Messages put it together. */
export interface Block {
  readonly type: string;
  /** Everything its deltas said, signatures apart. */
  readonly said: string;
  readonly deltaTypes: readonly string[];
  readonly stops: number;
}

/** The content blocks of a Messages stream, in the order they were opened. */
export function blocksOf({ events }: Exchanged): Block[] {
  const blocks: { type: string; said: string; deltaTypes: string[]; stops: number }[] = [];
  const openAt = new Map<unknown, (typeof blocks)[number]>();
  for (const event of events) {
    const at = event["index"];
    if (event.name === "content_block_start") {
      const type = String(fields(event["content_block"])["type"]);
      const opened = { type, said: "", deltaTypes: [], stops: 0 };
      blocks.push(opened);
      openAt.set(at, opened);
    }
    const current = openAt.get(at);
    if (current && event.name === "content_block_stop") current.stops += 1;
    if (!current || event.name !== "content_block_delta") continue;
    const { type, text, thinking, partial_json } = fields(event["delta"]);
    current.deltaTypes.push(String(type));
    current.said += String(text ?? thinking ?? partial_json ?? "");
  }
  return blocks;
}

/** The tool call pieces of a Chat stream, in order. */
export function toolPieces({ events }: Exchanged): Fields[] {
  return events.flatMap((event) =>
    fieldsList(event["choices"]).flatMap((choice) =>
      fieldsList(fields(choice["delta"])["tool_calls"]),
    ),
  );
}
