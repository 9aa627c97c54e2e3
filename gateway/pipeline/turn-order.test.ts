// Pairing of calls and results, with the path of what is wrong.

import { expect, test } from "bun:test";
import type { ConversationRequest, Part, Turn } from "#wire";
import { InvalidRequest } from "../errors.ts";
import { checkToolPairs } from "./turn-order.ts";

function request(turns: readonly Turn[]): ConversationRequest {
  return { model: "m", isStream: false, instructions: [], turns, tools: [], paths: {} };
}

const call = (id: string): Part => ({
  kind: "toolCall",
  id,
  name: "f",
  arguments: "{}",
  path: `call ${id}`,
});
const result = (id: string): Part => ({ kind: "toolResult", id, parts: [], path: `result ${id}` });

function refusal(turns: readonly Turn[]): { code: string; param: string | undefined } {
  try {
    checkToolPairs(request(turns));
  } catch (error) {
    if (error instanceof InvalidRequest) return { code: error.code, param: error.failure.param };
    throw error;
  }
  throw new Error("accepted");
}

test("calls answered later, in any order and over several turns, are accepted", () => {
  const turns: Turn[] = [
    { role: "assistant", parts: [call("a"), call("b")] },
    { role: "user", parts: [result("b")] },
    { role: "user", parts: [result("a")] },
  ];
  expect(() => checkToolPairs(request(turns))).not.toThrow();
});

test("a call without a result is refused with the path of the call", () => {
  const found = refusal([
    { role: "assistant", parts: [call("a"), call("b")] },
    { role: "user", parts: [result("a")] },
  ]);
  expect(found).toEqual({ code: "missing_tool_result", param: "call b" });
});

test("a second result for one call is refused", () => {
  const found = refusal([
    { role: "assistant", parts: [call("a")] },
    { role: "user", parts: [result("a"), result("a")] },
  ]);
  expect(found).toEqual({ code: "duplicate_tool_result", param: "result a" });
});

test("a result before its call, or for none, is refused", () => {
  const found = refusal([
    { role: "user", parts: [result("a")] },
    { role: "assistant", parts: [call("a")] },
  ]);
  expect(found).toEqual({ code: "unknown_tool_result", param: "result a" });
});

test("one id for two calls is refused", () => {
  const found = refusal([{ role: "assistant", parts: [call("a"), call("a")] }]);
  expect(found).toEqual({ code: "duplicate_tool_call", param: "call a" });
});
