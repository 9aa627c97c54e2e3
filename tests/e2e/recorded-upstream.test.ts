// Recorded provider answers behind a live gateway, over real sockets: every client dialect on every upstream
// dialect, streamed and whole, with the provider's key in nothing a client or a log can see.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openCorpus, type RecordedCase } from "../corpus/corpus.ts";
import { brokenInvariants } from "../corpus/conservation.ts";
import { grammars, readers } from "../grammar/grammar.ts";
import { type ScriptedAnswer, startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEYS = {
  anthropic: "sk-ant-canary-0123456789abcdef",
  openai: "sk-canary-0123456789abcdef",
  google: "AIzaCanary0123456789abcdef0123456789abc",
};

// Known providers, redirected, with keys from the environment. OpenAI speaks two dialects: it is held to one here,
// and the one that only speaks chat is an operator's.
const upstreamModels = {
  messages: "anthropic/claude-recorded",
  responses: "openai/gpt-recorded",
  chat: "recorded/chat",
  generate: "google/gemini-recorded",
} as const;
const upstreamIds = Object.keys(upstreamModels) as (keyof typeof upstreamModels)[];

const clients = {
  chat: {
    path: "/v1/chat/completions",
    said: { messages: [{ role: "user", content: "hi" }], stream_options: { include_usage: true } },
  },
  responses: {
    path: "/v1/responses",
    said: { input: "hi", include: ["reasoning.encrypted_content"] },
  },
  messages: {
    path: "/v1/messages?beta=true",
    said: { max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
  },
} as const;
type ClientId = keyof typeof clients;
const clientIds = Object.keys(clients) as ClientId[];

const corpus = openCorpus();
let answer: ScriptedAnswer;
let gateway: GatewayUnderTest;
const upstream = startScriptedUpstream(() => answer);

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        anthropic: { baseUrl: upstream.url },
        google: { baseUrl: upstream.url },
        openai: { api: "responses", baseUrl: `${upstream.url}/v1` },
        recorded: {
          api: "chat",
          baseUrl: `${upstream.url}/v1`,
          apiKey: "RECORDED_KEY",
          models: [{ id: "chat" }],
        },
      },
    },
    env: { RECORDED_KEY: KEYS.openai },
    environmentKeys: KEYS,
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

// Every byte counts here, a byte order mark included.
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

async function replay(recorded: RecordedCase, client: ClientId, readBytes?: number) {
  answer = {
    status: recorded.status,
    headers: { "content-type": recorded.isStream ? "text/event-stream" : "application/json" },
    body: recorded.body,
    ...(readBytes !== undefined && { readBytes }),
  };
  const { path, said } = clients[client];
  const { stream_options, ...whole } = { stream_options: undefined, ...said };
  const options = recorded.isStream
    ? { stream: true, ...(stream_options && { stream_options }) }
    : {};
  const model = upstreamModels[recorded.format];
  const response = await gateway.post(path, { model, ...whole, ...options });
  const text = decode(await response.bytes());
  const shown = text + JSON.stringify([...response.headers]);
  for (const key of Object.values(KEYS))
    if (shown.includes(key)) throw new Error(`${recorded.name} shows a key`);
  return { response, text };
}

function outcomes(recorded: RecordedCase, client: ClientId, text: string) {
  const source = new TextDecoder().decode(recorded.body);
  return recorded.isStream
    ? {
        source: readers[recorded.format].readStream(source),
        got: grammars[client].readStream(text),
      }
    : {
        source: readers[recorded.format].readBody(JSON.parse(source)),
        got: grammars[client].readBody(JSON.parse(text)),
      };
}

async function problemsOf(
  recorded: RecordedCase,
  client: ClientId,
  readBytes?: number,
): Promise<string[]> {
  const { response, text } = await replay(recorded, client, readBytes);
  const place = `${recorded.name} → ${client}`;
  if (response.status >= 400) {
    const isFailure = recorded.status >= 400 || outcomes(recorded, client, "{}").source.error;
    return isFailure || recorded.isStream
      ? []
      : [`${place}: answered ${response.status}: ${text.slice(0, 200)}`];
  }
  if (recorded.format === client) {
    return isSameAnswer(recorded, text) ? [] : [`${place}: bytes changed in the same-format lane`];
  }
  const { source, got } = outcomes(recorded, client, text);
  const crossing = { from: recorded.format, to: client, isStream: recorded.isStream };
  return brokenInvariants(source, got, crossing).map(
    ({ invariant, detail }) => `${place}: ${invariant}: ${detail}`,
  );
}

// What a cut stream gets appended is ours; up to there every byte is the upstream's.
function isSameAnswer(recorded: RecordedCase, text: string): boolean {
  const source = decode(recorded.body);
  return recorded.isStream ? text.startsWith(source.trimEnd()) : text === source;
}

if (!corpus) {
  test.skip("corpus not found: recorded answers are not replayed over HTTP", () => undefined);
} else {
  describe.each(clientIds)("recorded answers reach a %s client", (client) => {
    for (const format of upstreamIds) {
      test(`from ${format} upstreams`, async () => {
        const mine = corpus.cases.filter((recorded) => recorded.format === format);
        const problems: string[] = [];
        for (const recorded of mine) problems.push(...(await problemsOf(recorded, client)));
        expect(problems).toEqual([]);
        expect(mine.length).toBeGreaterThan(50);
      }, 60_000);

      test(`from ${format} upstreams in reads of 37 bytes`, async () => {
        const small = corpus.cases.filter(
          (recorded) =>
            recorded.format === format && recorded.isStream && recorded.body.length < 3_000,
        );
        const problems: string[] = [];
        for (const recorded of small) problems.push(...(await problemsOf(recorded, client, 37)));
        expect(problems).toEqual([]);
      }, 60_000);
    }
  });

  test("the upstream got the right key in the right header, and nothing of the gateway's", () => {
    for (const { path, headers } of upstream.received) {
      const { authorization, "x-api-key": anthropic, "x-goog-api-key": google } = headers;
      const shown = JSON.stringify({ authorization, anthropic, google });
      if (path.startsWith("/v1/messages"))
        expect(shown).toBe(JSON.stringify({ anthropic: KEYS.anthropic }));
      else if (path.startsWith("/v1beta"))
        expect(shown).toBe(JSON.stringify({ google: KEYS.google }));
      else expect(shown).toBe(JSON.stringify({ authorization: `Bearer ${KEYS.openai}` }));
      expect(JSON.stringify(headers)).not.toContain(gateway.token);
      expect(headers["user-agent"]).toMatch(/^parley\//);
    }
  });

  test("no key is in the log", () => {
    for (const key of Object.values(KEYS)) expect(gateway.logged()).not.toContain(key);
    expect(gateway.logged()).toContain("request settled");
  });
}
