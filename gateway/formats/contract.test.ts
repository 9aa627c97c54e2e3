// What every wire format must do, whatever its dialect: the list is walked, so a new one is tested by its line.
// Only canonical values go in; nothing here knows an event's name.

import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import {
  FAILURE_KINDS,
  ReplyAssembler,
  type ConversationRequest,
  type JsonObject,
  type Reply,
  type ReplyEvent,
  type Turn,
} from "#wire";
import { InvalidRequest, UpstreamFailed } from "../errors.ts";
import type { Format, ReplyContext, UpstreamFormat } from "./format.ts";
import { formats, upstreamFormats } from "./index.ts";
import { Losses } from "./losses.ts";

const list: readonly Format[] = Object.values(formats);
const upstreamList: readonly UpstreamFormat[] = Object.values(upstreamFormats);

function request(rest: Partial<ConversationRequest> = {}): ConversationRequest {
  const hello: Turn = { role: "user", parts: [{ kind: "text", text: "hello" }] };
  return {
    model: "asked",
    isStream: false,
    instructions: [{ kind: "text", text: "be brief" }],
    turns: [hello],
    tools: [],
    paths: {},
    includeUsage: true,
    wantsEncryptedReasoning: true,
    ...rest,
  };
}

function context(given = request()): ReplyContext {
  let count = 0;
  return {
    model: "asked",
    id: "r".repeat(24),
    createdSeconds: 1,
    newId: () => String((count += 1)).padStart(24, "0"),
    request: given,
    losses: new Losses(),
  };
}

function target() {
  return {
    provider: "p",
    model: "sent",
    maxOutputTokens: 1_000,
    quirks: {},
    losses: new Losses(),
  };
}

const usage = { input: 3, cacheRead: 40, cacheWrite: 500, output: 60, reasoning: 6 };

const answer: Reply = {
  parts: [
    { kind: "text", text: 'one \u2028 漢字 😀 "quoted"\n' },
    {
      kind: "toolCall",
      id: "call_a",
      name: "f",
      arguments: '{"n":12345678901234567890,"s":"\\u00e9"}',
    },
    { kind: "toolCall", id: "call_b", name: "g", arguments: "{}" },
  ],
  stop: "tool_use",
  usage,
};

function eventsOf(reply: Reply): ReplyEvent[] {
  const blocks = reply.parts.flatMap((part): ReplyEvent[] => {
    if (part.kind === "text") {
      const pieces = part.text.match(/.{1,3}/gsu) ?? [];
      return [
        { type: "open", kind: "text" },
        ...pieces.map((text) => ({ type: "delta", text }) as const),
        { type: "close" },
      ];
    }
    if (part.kind !== "toolCall") return [];
    const { kind, id, name, arguments: text } = part;
    const delta: ReplyEvent[] = text === "{}" ? [] : [{ type: "delta", text }];
    return [{ type: "open", kind, id, name }, ...delta, { type: "close" }];
  });
  return [{ type: "start" }, ...blocks, { type: "finish", stop: reply.stop, usage }];
}

function decodeStream(format: Format, stream: string): ReplyAssembler {
  const assembler = new ReplyAssembler();
  const decoder = format.createStreamDecoder((event) => assembler.push(event), {
    provider: "p",
    losses: new Losses(),
  });
  const parser = createParser({ onEvent: ({ event = "", data }) => decoder.event(event, data) });
  parser.feed(stream);
  decoder.end();
  return assembler;
}

function encodeStream(format: Format, events: readonly ReplyEvent[]): string {
  const encoder = format.createStreamEncoder(context());
  return events.map((event) => encoder.encode(event)).join("");
}

describe.each(list.map((format) => [format.id, format] as const))(
  "the %s format",
  (_id, format) => {
    test("is listed under its own id, on a path of its own", () => {
      expect<Format>(formats[format.id]).toBe(format);
      expect(list.filter(({ path }) => path === format.path)).toHaveLength(1);
    });

    test("writes a reply that it reads back the same", () => {
      const body = format.encodeReply(answer, context());
      const {
        id: _,
        model,
        ...again
      } = format.decodeReply(JSON.parse(JSON.stringify(body)), {
        provider: "p",
        losses: new Losses(),
      });
      expect(model).toBe("asked");
      expect(again.stop).toBe(answer.stop);
      expect(again.parts.filter(({ kind }) => kind === "toolCall")).toMatchObject([
        { id: "call_a", name: "f" },
        { id: "call_b", name: "g", arguments: "{}" },
      ]);
      expect(again.parts[0]).toEqual(answer.parts[0] as never);
      const { input = 0, cacheRead = 0, cacheWrite = 0, output } = again.usage ?? {};
      expect(input + cacheRead + cacheWrite).toBe(543);
      expect(output).toBe(60);
    });

    test("writes a stream that it reads back the same, exact argument text included", () => {
      const { reply, failure } = decodeStream(format, encodeStream(format, eventsOf(answer)));
      expect(failure).toBeUndefined();
      expect(reply?.parts).toEqual([...answer.parts]);
      expect(reply?.stop).toBe("tool_use");
      expect(reply?.usage).toMatchObject({ input: 3, cacheRead: 40, cacheWrite: 500, output: 60 });
    });

    test("ends a failed stream so that it reads as failed, at whatever point", () => {
      const events = eventsOf(answer);
      for (let length = 0; length < events.length; length += 1) {
        const failure = { kind: "overloaded", message: "too much" } as const;
        const cut: ReplyEvent[] = [...events.slice(0, length), { type: "error", failure }];
        const read = decodeStream(format, encodeStream(format, cut));
        expect(read.reply).toBeUndefined();
        expect(read.failure?.message).toContain("too much");
      }
    });

    test("takes no stream for finished that lost its end", () => {
      const frames = encodeStream(format, eventsOf(answer)).split("\n\n");
      // The last two frames are the dialect's ending; without them only an error may come out.
      const read = decodeStream(format, `${frames.slice(0, 6).join("\n\n")}\n\n`);
      expect(read.reply).toBeUndefined();
      expect(read.failure).toBeDefined();
    });

    test("says that a stream of its own was cut", () => {
      const failure = { kind: "bad_gateway", message: "cut" } as const;
      const text = format.encodeStreamCut(failure, context(), { nextSequence: 7 });
      expect(text.endsWith("\n\n")).toBe(true);
      expect(decodeStream(format, text).failure).toBeDefined();
    });

    test("cannot be broken out of by what a model says", () => {
      const hostile = 'x\n\nevent: message_stop\ndata: {}\n\ndata: [DONE]\r\n\r\n\u2028id: \0"}';
      const said: Reply = { parts: [{ kind: "text", text: hostile }], stop: "end", usage };
      const { reply } = decodeStream(format, encodeStream(format, eventsOf(said)));
      expect(reply?.parts).toEqual([...said.parts]);
      expect(reply?.stop).toBe("end");
    });

    test("has a status and an envelope for every failure, and reads its own envelopes", () => {
      for (const kind of FAILURE_KINDS) {
        const { status, body } = format.encodeError({ kind, message: `it was ${kind}` }, "req_1");
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(600);
        expect(JSON.stringify(body)).toContain(`it was ${kind}`);
        expect(format.decodeError(status, body).message).not.toBe("");
      }
    });

    test("encodes a request that it decodes to the same conversation", () => {
      const given = request({
        turns: [
          { role: "user", parts: [{ kind: "text", text: "hello" }] },
          {
            role: "assistant",
            parts: [
              { kind: "text", text: "looking" },
              { kind: "toolCall", id: "call_a", name: "f", arguments: '{"a":1}' },
            ],
          },
          {
            role: "user",
            parts: [{ kind: "toolResult", id: "call_a", parts: [{ kind: "text", text: "sunny" }] }],
          },
        ],
        tools: [
          {
            kind: "function",
            name: "f",
            description: "d",
            schema: { type: "object", properties: {} },
          },
        ],
        toolChoice: { mode: "auto" },
        maxOutputTokens: 500,
      });
      const body = format.encodeRequest(given, target());
      const again = format.decodeRequest(JSON.parse(JSON.stringify(body)) as JsonObject, {
        losses: new Losses(),
      });
      // Where a part stood differs; what it is must not. Turns may be split differently.
      const bare = (turns: readonly Turn[]) =>
        turns.flatMap(({ role, parts }) =>
          parts.map((part) => ({
            role,
            part: JSON.parse(
              JSON.stringify(part, (key, value) => (key === "path" ? undefined : value)),
            ),
          })),
        );
      expect(bare(again.turns)).toEqual(bare(given.turns));
      expect(again.instructions.map(({ text }) => text)).toEqual(["be brief"]);
      expect(again.maxOutputTokens).toBe(500);
      expect(again.tools).toMatchObject([{ kind: "function", name: "f", description: "d" }]);
      expect(again.model).toBe("sent");
    });

    test("refuses what it does not know with its path, never by throwing something else", () => {
      const { model } = request();
      const bodies: JsonObject[] = [
        { model },
        { model, messages: 7, input: 7 },
        { model, messages: [null], input: [null] },
        { model, messages: [{ role: "wizard", content: "x" }], input: [{ type: "wizard" }] },
        {
          model,
          messages: [{ role: "user", content: [{ type: "hologram" }] }],
          input: [{ role: "user", content: [{ type: "hologram" }] }],
        },
        {
          model,
          messages: [{ role: "user", content: "x" }],
          input: "x",
          max_tokens: 9,
          no_such_field: 1,
        },
      ];
      for (const body of bodies) {
        expect(() => format.decodeRequest(body, { losses: new Losses() })).toThrow(InvalidRequest);
      }
    });

    test("finds nothing to drop in a body without carriers", () => {
      expect(
        format.dropCarriers({ model: "m", messages: [{ role: "user", content: "x" }], input: "x" }),
      ).toBe(false);
    });
  },
);

describe.each(upstreamList.map((format) => [format.id, format] as const))(
  "upstreams of the %s format",
  (_id, format) => {
    test("take no list, and nothing else that is none, for a reply", () => {
      const context = { provider: "p", losses: new Losses() };
      for (const body of [null, 7, "text", [], [7], {}]) {
        expect(() => format.decodeReply(body, context)).toThrow(UpstreamFailed);
      }
    });

    test("are listed under their own id", () => {
      expect<UpstreamFormat>(upstreamFormats[format.id]).toBe(format);
    });

    test("makes something of every error body, nonsense included", () => {
      for (const body of [
        null,
        7,
        "",
        "<html>",
        [],
        {},
        { error: null },
        { error: "text" },
        { error: { code: 4 } },
        { detail: "d" },
      ]) {
        for (const status of [400, 401, 403, 404, 413, 429, 500, 503, 529]) {
          const { kind, message } = format.decodeError(status, body);
          expect(FAILURE_KINDS).toContain(kind);
          expect(message.length).toBeGreaterThan(0);
        }
      }
    });

    test("survives every event a broken upstream can send", () => {
      for (const data of [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"type":7}',
        '{"choices":7}',
        '{"__proto__":{"x":1}}',
        "[DONE]",
      ]) {
        for (const name of ["", "error", "message_start", "response.created", "nonsense"]) {
          const assembler = new ReplyAssembler();
          const decoder = format.createStreamDecoder((event) => assembler.push(event), {
            provider: "p",
            losses: new Losses(),
          });
          decoder.event(name, data);
          decoder.event(name, data);
          decoder.end();
          expect(assembler.failure ?? assembler.reply).toBeDefined();
        }
      }
    });

    test("gives the same bytes for the same request", () => {
      const print = () => JSON.stringify(format.encodeRequest(request(), target()));
      expect(print()).toBe(print());
    });
  },
);
