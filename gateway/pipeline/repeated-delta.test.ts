// The shortcut must give exactly what decoding gives, and must know when it cannot.

import { describe, expect, test } from "bun:test";
import type { ReplyEvent } from "#wire";
import { MAX_MISSES, RepeatedDelta } from "./repeated-delta.ts";

const chat = (text: string, rest = "") =>
  `{"id":"1","model":"m","choices":[{"delta":{"content":${JSON.stringify(text)}}${rest}}]}`;
const delta = (text: string): ReplyEvent => ({ type: "delta", text });

function learnt(data: string, text: string): RepeatedDelta {
  const repeated = new RepeatedDelta();
  repeated.observe("", data, [delta(text)]);
  return repeated;
}

describe("an event that differs in its text alone", () => {
  test.each(["world", " ", "\n\n\t", "\\", "é漢😀", "\u2028", "0", ""])(
    "gives the text %p",
    (text) => {
      expect(learnt(chat("hello"), "hello").match("", chat(text))).toBe(text);
    },
  );
});

describe("a counter and padding", () => {
  const response = (text: string, count: number | string, padding: string) =>
    `{"type":"d","sequence_number":${count},"delta":${JSON.stringify(text)},"obfuscation":"${padding}"}`;
  const learn = () => learnt(response("hello", 9, "ab"), "hello");

  test.each(["world", "\n", ""])("may differ, and give the text %p", (text) => {
    expect(learn().match("", response(text, 10, "x8Q"))).toBe(text);
    expect(learn().match("", response(text, 1_000, ""))).toBe(text);
  });

  test("may stand anywhere", () => {
    const late = (text: string, count: number) => `{"delta":"${text}","sequence_number":${count}}`;
    expect(learnt(late("hello", 1), "hello").match("", late("x", 2))).toBe("x");
  });

  test("are what they are, or the event is decoded", () => {
    for (const data of [
      response("x", "", "ab"),
      response("x", "-1", "ab"),
      response("x", "1e3", "ab"),
      response("x", 10, 'a\\"b'),
      response("x", 10, "a\\"),
      response("x", 10, 'ab","type":"response.failed'),
      response("x", 10, "ab").replace(',"obfuscation":"ab"', ""),
    ]) {
      expect(learn().match("", data)).toBeUndefined();
    }
  });

  test("are not learnt where there are two of them", () => {
    const twice = (text: string) =>
      `{"sequence_number":1,"part":{"sequence_number":2},"delta":"${text}"}`;
    expect(learnt(twice("hello"), "hello").match("", twice("x"))).toBeUndefined();
  });
});

describe("an event is decoded as always", () => {
  test("that differs anywhere else", () => {
    const repeated = learnt(chat("hello"), "hello");
    expect(repeated.match("", chat("x", ',"finish_reason":"stop"'))).toBeUndefined();
    expect(repeated.match("other", chat("x"))).toBeUndefined();
    expect(repeated.match("", "[DONE]")).toBeUndefined();
    expect(repeated.match("", "")).toBeUndefined();
    expect(repeated.match("", '{"id":"1"')).toBeUndefined();
  });

  test("whose text holds a quote, which could be the end of the string", () => {
    const repeated = learnt(chat("hello"), "hello");
    const forged = chat("x").replace('"x"', '"x"},"finish_reason":"stop","y":{"z":"x"');
    expect(repeated.match("", forged)).toBeUndefined();
    expect(repeated.match("", chat('say "hi"'))).toBeUndefined();
  });

  test("whose escapes are broken", () => {
    const repeated = learnt(chat("hello"), "hello");
    expect(repeated.match("", chat("x").replace('"x"', '"\\q"'))).toBeUndefined();
  });
});

describe("nothing is learnt", () => {
  test("from an event that meant more, or less, than one delta", () => {
    for (const emitted of [[], [delta("a"), delta("b")], [{ type: "ping" } as const]]) {
      const repeated = learnt(chat("hello"), "hello");
      repeated.observe("", chat("other"), emitted);
      expect(repeated.match("", chat("x"))).toBeUndefined();
    }
  });

  test("where the text stands twice, or not as it was decoded", () => {
    expect(learnt(chat("m"), "m").match("", chat("x"))).toBeUndefined();
    expect(learnt(chat("a"), "b").match("", chat("x"))).toBeUndefined();
  });

  test("any more from a stream whose events never repeat", () => {
    const repeated = new RepeatedDelta();
    for (let n = 0; n <= MAX_MISSES; n += 1)
      repeated.observe("", chat(`t${n}`, `,"pad":${n}`), [delta(`t${n}`)]);
    repeated.observe("", chat("hello"), [delta("hello")]);
    expect(repeated.match("", chat("x"))).toBeUndefined();
  });
});
