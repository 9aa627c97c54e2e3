// What makes two requests one conversation, and what does not.

import { expect, test } from "bun:test";
import { SessionKeys, type SessionRequest } from "./session-key.ts";

const keys = new SessionKeys();

function key(body: unknown, rest: Partial<SessionRequest> & { header?: [string, string] } = {}) {
  const { header, ...given } = rest;
  return keys.of({
    callerId: "c",
    model: "m",
    headers: new Headers(header ? [header] : []),
    bytes: Buffer.from(JSON.stringify(body)),
    ...given,
  });
}

const user = (content: unknown) => ({ role: "user", content });
const first = { system: "s", tools: [{ name: "t" }], messages: [user("hello")] };
const later = {
  ...first,
  messages: [
    user([{ type: "text", text: "hello", cache_control: { type: "ephemeral" } }]),
    { role: "assistant", content: "hi" },
    user("more"),
  ],
};

test("the client's word comes first: header, cache key, conversation", () => {
  const header: [string, string] = ["x-claude-code-session-id", "s-1"];
  expect(key({ ...first, prompt_cache_key: "k" }, { header })?.source).toBe("header");
  expect(key(first, { header })).toEqual(key({ messages: [user("other")] }, { header }));
  expect(key({ prompt_cache_key: "k", conversation: "v" })?.source).toBe("prompt_cache_key");
  expect(key({ conversation: { id: "v" } })).toEqual(key({ conversation: "v" }));
  const claude = { metadata: { user_id: '{"session_id":"1"}' } };
  expect(key({ ...first, ...claude })?.source).toBe("conversation");
  expect(key({ ...first, metadata: { user_id: "bob" } })?.source).toBe("beginning");
});

test("without one, how it began: cache marks and later turns change nothing", () => {
  expect(key(first)?.source).toBe("beginning");
  expect(key(later)).toEqual(key(first));
  expect(key({ ...first, system: "other" })).not.toEqual(key(first));
  expect(key({ ...first, tools: [] })).not.toEqual(key(first));
  expect(key({ ...first, messages: [user("other")] })).not.toEqual(key(first));
});

test("every dialect's beginning is found, past what precedes the user", () => {
  const turns = [{ role: "system", content: 'a ] } " \\' }, user("hello")];
  expect(key({ messages: turns })?.source).toBe("beginning");
  expect(key({ input: turns, instructions: "i" })?.source).toBe("beginning");
  expect(key({ input: "hello" })).toEqual(key({ input: "hello" }));
  expect(
    key({ input: [{ role: "user", content: [{ type: "input_text", text: "a" }] }] }),
  ).not.toEqual(key({ input: [{ role: "user", content: [{ type: "input_text", text: "b" }] }] }));
});

test("callers and models have sessions of their own, and so has each gateway", () => {
  expect(key(first, { callerId: "d" })).not.toEqual(key(first));
  expect(key(first, { model: "n" })).not.toEqual(key(first));
  const other = new SessionKeys().of({
    callerId: "c",
    model: "m",
    headers: new Headers(),
    bytes: Buffer.from(JSON.stringify(first)),
  });
  expect(other).not.toEqual(key(first));
});

test("a body that says nothing is no session, and no error", () => {
  expect(key({ messages: [] })).toBeUndefined();
  expect(key({ messages: [{ role: "assistant", content: "x" }] })).toBeUndefined();
  expect(key({ messages: 5, input: 7 })).toBeUndefined();
  expect(key(0, { bytes: Buffer.from('{"input":"a","input":"b"}') })).toBeUndefined();
});
