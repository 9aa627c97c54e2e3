// Bugs of other gateways, as facts about ours: errors, cut streams, callers that leave, bytes cut anywhere.
// tests/README.md lists them by number.

import { describe, expect, test } from "bun:test";
import type { Format } from "../../gateway/formats/format.ts";
import { formats } from "../../gateway/formats/index.ts";
import { createStreamTranslation } from "../../gateway/pipeline/stream-translation.ts";
import { plainRequest, replyContext, upstreamContext } from "../corpus/contexts.ts";
import { fields } from "../grammar/findings.ts";
import { grammars } from "../grammar/grammar.ts";
import { eventStream } from "../scripted-upstream.ts";
import { type Dialect, dialects, gatewayBetween } from "./gateway-between.ts";
import {
  chatStream,
  chunk,
  messagesStream,
  messageStart,
  named,
  responsesStream,
  said,
  textItem,
  toolDelta,
  unnamed,
  used,
} from "./upstream-streams.ts";

const { exchange, ask } = gatewayBetween();
const pairs = dialects.flatMap((client) => dialects.map((upstream) => ({ client, upstream })));

function refusal(upstream: Dialect, status: number, type: string, headers = {}): Response {
  const error = { type, message: "no", code: type };
  const body = upstream === "messages" ? { type: "error", error } : { error };
  return Response.json(body, { status, headers });
}

describe.each(dialects)("an error of %s at a Messages client", (upstream) => {
  test.each([
    [400, "invalid_request_error", 400, "invalid_request_error"],
    [404, "not_found_error", 404, "not_found_error"],
    [429, "rate_limit_error", 429, "rate_limit_error"],
    [500, "api_error", 500, "api_error"],
  ])("%d %s is %d, in Anthropic's words", async (status, type, expected, shown) => {
    const answer = () => refusal(upstream, status, type);
    const { response, text } = await exchange("messages", upstream, { answer });
    expect(response.status).toBe(expected);
    expect(JSON.parse(text)).toMatchObject({ type: "error", error: { type: shown } });
  });
});

// The same dialect passes its own vendor's status on as it is.
test.each(["chat", "responses"] as const)(
  "a 503 of %s is 529 overloaded_error at a Messages client",
  async (upstream) => {
    const answer = () => refusal(upstream, 503, "server_error");
    const { response, text } = await exchange("messages", upstream, { answer });
    expect(response.status).toBe(529);
    expect(JSON.parse(text)).toMatchObject({ type: "error", error: { type: "overloaded_error" } });
  },
);

const MESSAGES_TOKENS = "anthropic-ratelimit-tokens-remaining";
const OPENAI_TOKENS = "x-ratelimit-remaining-tokens";

test.each(pairs)(
  "a 429 from $upstream brings a $client client retry-after and the limits, unified ones too",
  async ({ client, upstream }) => {
    const limits = {
      "retry-after": "17",
      "retry-after-ms": "17000",
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-5h-reset": "1800000000",
      // One of the upstream's own vendor, which crosses under the name that the client knows.
      [upstream === "messages" ? MESSAGES_TOKENS : OPENAI_TOKENS]: "0",
    };
    const told = client === "messages" ? MESSAGES_TOKENS : OPENAI_TOKENS;
    const answer = () => refusal(upstream, 429, "rate_limit_error", limits);
    for (const stream of [true, false]) {
      const { response } = await exchange(client, upstream, { answer, body: { stream } });
      expect(response.status).toBe(429);
      for (const [name, value] of Object.entries(limits)) {
        const shown = name.endsWith("tokens") || name.endsWith("tokens-remaining") ? told : name;
        expect([shown, response.headers.get(shown)]).toEqual([shown, value]);
      }
    }
  },
);

const whole = {
  chat: chatStream(
    chunk({ content: "Hi " }),
    chunk({ content: "there" }),
    chunk({ tool_calls: [toolDelta(0, { id: "call_1", name: "f", args: '{"a":1}' })] }),
    chunk({}, "tool_calls"),
  ),
  responses: responsesStream(textItem(0, "Hi ", "there")),
  messages: messagesStream("tool_use", said(0, "Hi ", "there"), used(1, "toolu_1", "f", '{"a":1}')),
};

const ENDS = /\[DONE\]|message_stop|response\.completed|finish_reason":"/;

test.each(pairs)(
  "a stream from $upstream that is cut after any event ends for a $client client as an error",
  async ({ client, upstream }) => {
    const events = whole[upstream].split("\n\n").slice(0, -1);
    // A finish_reason counts as an end where [DONE] is missing: some hosts send none.
    const endings = upstream === "chat" ? 2 : 1;
    for (let kept = 1; kept <= events.length - endings; kept += 1) {
      const answer = `${events.slice(0, kept).join("\n\n")}\n\n`;
      const { response, text, outcome } = await exchange(client, upstream, { answer });
      expect(outcome.error).toBeDefined();
      if (response.status === 200) expect(text).not.toMatch(ENDS);
    }
  },
);

describe.each(pairs)("a $client client of $upstream that leaves", ({ client, upstream }) => {
  const halves = {
    chat: unnamed(chunk({ content: "Hi" })),
    responses: named({ type: "response.created", response: {} }, ...textItem(0, "Hi").slice(0, 3)),
    messages: named(messageStart, ...said(0, "Hi").slice(0, 2)),
  };

  test.each([
    ["before the first token", undefined],
    ["in mid-stream", halves[upstream]],
    ["while it waits for a whole reply", undefined],
  ])("%s ends the upstream call within a second", async (when, pieces) => {
    const arrived = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<number>();
    const leaving = new AbortController();
    const asked = ask(client, upstream, {
      signal: leaving.signal,
      body: { stream: !when.includes("whole") },
      answer: ({ signal }) => {
        signal.addEventListener("abort", () => closed.resolve(performance.now()));
        arrived.resolve();
        if (pieces === undefined) return new Promise<Response>(() => {});
        return eventStream([pieces], { hold: closed.promise });
      },
    });
    const reading = asked.then((response) => response.body?.getReader().read());
    reading.catch(() => {});
    await (pieces === undefined ? arrived.promise : reading);
    const leftAt = performance.now();
    leaving.abort();
    expect((await closed.promise) - leftAt).toBeLessThan(1_000);
  });
});

function translate(bytes: Uint8Array, from: Format, to: Format, cut: number): string {
  const reply = replyContext(plainRequest());
  const translation = createStreamTranslation({ from, to, upstream: upstreamContext(), reply });
  const head = translation.push(bytes.subarray(0, cut));
  return head + translation.push(bytes.subarray(cut)) + translation.end();
}

const SPOKEN = "é漢字😀👩‍👩‍👧\u2028end";
const spoken = {
  chat: chatStream(chunk({ content: SPOKEN }), chunk({}, "stop")),
  responses: responsesStream(textItem(0, SPOKEN)),
  messages: messagesStream("end_turn", said(0, SPOKEN)),
};

test.each(pairs)(
  "characters of several bytes cut at any byte reach a $client client of $upstream whole",
  ({ client, upstream }) => {
    const bytes = new TextEncoder().encode(spoken[upstream]);
    const expected = translate(bytes, formats[upstream], formats[client], bytes.length);
    expect(grammars[client].readStream(expected).text).toBe(SPOKEN);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(translate(bytes, formats[upstream], formats[client], cut)).toBe(expected);
    }
  },
);

const framings: Readonly<Record<string, (stream: string) => string>> = {
  "CRLF line ends": (stream) => stream.replaceAll("\n", "\r\n"),
  "lone CR line ends": (stream) => stream.replaceAll("\n", "\r"),
  "no space after the colon": (stream) => stream.replaceAll(/^(data|event): /gm, "$1:"),
  "comments, ids and retry lines": (stream) =>
    stream.replaceAll(/^data: /gm, ": hello\nid: 7\nretry: 100\ndata: "),
  "a byte order mark": (stream) => `\uFEFF${stream}`,
  "data over several lines": (stream) =>
    stream.replaceAll(/^data: \{(.*)\}$/gm, "data: {\ndata: $1\ndata: }"),
  "no blank line at the end": (stream) => stream.replace(/\n+$/, ""),
};

describe.each(Object.entries(framings))("a stream with %s", (_, reframe) => {
  test.each(dialects)("of %s means the same, cut at any byte", (upstream) => {
    const client = upstream === "chat" ? "messages" : "chat";
    const from = formats[upstream];
    const to = formats[client];
    const plain = new TextEncoder().encode(spoken[upstream]);
    const bytes = new TextEncoder().encode(reframe(spoken[upstream]));
    const expected = translate(plain, from, to, plain.length);
    expect(grammars[client].readStream(expected).error).toBeUndefined();
    for (let cut = 1; cut <= bytes.length; cut += 1) {
      expect(translate(bytes, from, to, cut)).toBe(expected);
    }
  });
});

test("an error's cause reaches the caller, its status and place with it", async () => {
  const error = { type: "invalid_request_error", message: "no such tool", param: "tools[0]" };
  const answer = () => Response.json({ error }, { status: 400 });
  const { response, text } = await exchange("responses", "chat", { answer });
  expect(response.status).toBe(400);
  expect(fields(JSON.parse(text))["error"]).toMatchObject({ message: "no such tool" });
});
