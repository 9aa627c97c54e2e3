// The unwrapping of freeform input while it streams, whole and cut at every place.

import { describe, expect, test } from "bun:test";
import { FreeformInput, unwrapFreeform } from "./freeform-input.ts";

function stream(pieces: readonly string[]): string {
  const input = new FreeformInput();
  return pieces.map((piece) => input.push(piece)).join("") + input.end();
}

const PATCH = '*** Begin Patch\n+ "quoted" \\ tab\t é 漢 😀\n';

describe("freeform input", () => {
  test("a string cut at any character comes out whole", () => {
    const text = JSON.stringify({ input: PATCH });
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(stream([text.slice(0, cut), text.slice(cut)])).toBe(PATCH);
    }
    expect(stream([...text])).toBe(PATCH);
  });

  test("escapes of every kind are undone, surrogate pairs included", () => {
    expect(stream(['{ "input" : "a\\u00e9\\ud83d', '\\ude00\\/\\b\\f\\r"}'])).toBe("aé😀/\b\f\r");
  });

  test("text comes out as it arrives, not at the end", () => {
    const input = new FreeformInput();
    expect(input.push('{"input":"ab')).toBe("ab");
    expect(input.push("cd")).toBe("cd");
  });

  test("arguments of another shape come through unchanged", () => {
    const other = JSON.stringify({
      command: "a rather long command, longer than any opening could be, by far",
    });
    expect(stream([other.slice(0, 10), other.slice(10)])).toBe(other);
    expect(stream(["not json"])).toBe("not json");
  });

  test("an input that is not the first key is still found", () => {
    const text = JSON.stringify({ note: "x".repeat(80), input: "found" });
    expect(stream([text])).toBe("found");
    expect(unwrapFreeform(text)).toBe("found");
  });

  test("whole and streamed arguments give the same input, odd shapes included", () => {
    for (const text of [
      '{"a":1,"input":"x"}',
      "{}",
      "",
      '{"input":"abc',
      '{"input":"a","input":"b"}',
      '{"input":7}',
      "[1]",
      "nonsense",
    ]) {
      const whole = unwrapFreeform(text);
      expect(stream([...text])).toBe(whole);
      expect(stream([text])).toBe(whole);
    }
  });

  test("a call without arguments has empty input", () => {
    expect(stream([])).toBe("");
    expect(stream(["{}"])).toBe("");
  });
});
