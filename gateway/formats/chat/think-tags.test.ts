// Reasoning that stands in the text, cut anywhere.

import { describe, expect, test } from "bun:test";
import { ThinkTags } from "./think-tags.ts";

function split(text: string, size = text.length) {
  const tags = new ThinkTags();
  const said = { thinking: "", text: "" };
  const pieces = [];
  for (let at = 0; at < text.length; at += Math.max(1, size)) {
    pieces.push(...tags.push(text.slice(at, at + size)));
  }
  for (const { kind, text: piece } of [...pieces, ...tags.end()]) said[kind] += piece;
  return said;
}

describe.each([1, 2, 3, 5, 7, 100])("in deltas of %i characters", (size) => {
  test.each([
    ["<think>hm</think>\n\nYes", "hm", "Yes"],
    ["\n<think>a < b </thin </think>Yes", "a < b </thin ", "Yes"],
    ["<think></think>Yes", "", "Yes"],
    ["<think>never closed", "never closed", ""],
    ["Yes, <think> is a tag</think>", "", "Yes, <think> is a tag</think>"],
    ["<thinking>x", "", "<thinking>x"],
    ["<think>a</think>b<think>c</think>", "a", "b<think>c</think>"],
    ["  plain ", "", "  plain "],
    ["<thi", "", "<thi"],
    ["", "", ""],
  ])("%p", (whole, thinking, text) => {
    expect(split(whole, size)).toEqual({ thinking, text });
  });
});

test("it is settled once the answer has begun, and not before", () => {
  const tags = new ThinkTags();
  const settled = ["<think>", "a", "</think>", "\n", "b"].map((delta) => {
    tags.push(delta);
    return tags.isSettled;
  });
  expect(settled).toEqual([false, false, false, false, true]);
});
