// Which ends of an agent's request are marked to be cached, and that others are left alone.

import { expect, test } from "bun:test";
import type { ConversationRequest, Turn } from "#wire";
import { Losses } from "../losses.ts";
import { withCacheMarks } from "./cache-marks.ts";
import { encodeRequest } from "./request-encoder.ts";

const mark = { cache_control: { type: "ephemeral" } };
const first = { name: "f" };
const tools = [first, { name: "g" }];
const hi = { type: "text", text: "hi" };

test("tools, instructions and the user's last turn are marked at their ends", () => {
  const answered = { role: "assistant", content: [hi] };
  const messages = [{ role: "user", content: [hi] }, answered, { role: "user", content: [hi, hi] }];
  expect(withCacheMarks({ system: "Be.", messages, tools })).toEqual({
    system: [{ type: "text", text: "Be.", ...mark }],
    messages: [...messages.slice(0, 2), { role: "user", content: [hi, { ...hi, ...mark }] }],
    tools: [first, { name: "g", ...mark }],
  });
});

test("the last of several instructions carries the mark, and a result of a tool may", () => {
  const result = { type: "tool_result", tool_use_id: "t", content: "x" };
  const body = { system: [hi, hi], messages: [{ role: "user", content: [result] }], tools };
  expect(withCacheMarks(body)).toMatchObject({
    system: [hi, { ...hi, ...mark }],
    messages: [{ role: "user", content: [{ ...result, ...mark }] }],
  });
});

test("a request without tools is left as it is", () => {
  const body = { system: "Be.", messages: [{ role: "user", content: [hi] }] };
  expect(withCacheMarks(body)).toBe(body);
});

test("what cannot be marked is passed over, and instructions behind the user's turn too", () => {
  const odd = { type: "container_upload", file_id: "f" };
  const unmarked = { messages: [{ role: "user", content: [odd] }], tools };
  expect(withCacheMarks(unmarked).messages).toBe(unmarked.messages);
  const behind = { role: "system", content: [hi] };
  const body = withCacheMarks({ messages: [{ role: "user", content: [hi] }, behind], tools });
  expect(body.messages).toEqual([{ role: "user", content: [{ ...hi, ...mark }] }, behind]);
});

test("only hosts that want marks get them, and the same request gives the same bytes", () => {
  const turns: Turn[] = [{ role: "user", parts: [{ kind: "text", text: "hi" }] }];
  const request: ConversationRequest = {
    model: "m",
    isStream: false,
    instructions: [{ kind: "text", text: "Be." }],
    turns,
    tools: [{ kind: "function", name: "f", schema: { type: "object" } }],
    maxOutputTokens: 5,
    paths: {},
  };
  const encode = (cachesWhatIsMarked: boolean) =>
    JSON.stringify(
      encodeRequest(request, {
        provider: "p",
        model: "claude-opus-4-8",
        quirks: { cachesWhatIsMarked },
        losses: new Losses(),
      }),
    );
  expect(encode(true).split("ephemeral")).toHaveLength(4);
  expect(encode(true)).toBe(encode(true));
  expect(encode(false)).not.toContain("cache_control");
});
