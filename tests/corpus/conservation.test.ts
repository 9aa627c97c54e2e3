// The invariants themselves: each loss is seen, and what a format cannot say otherwise is not one.

import { describe, expect, test } from "bun:test";
import type { Outcome } from "../grammar/outcome.ts";
import { brokenInvariants, type Crossing } from "./conservation.ts";

const call = { id: "call_1", name: "look", arguments: '{"a": 1}', isFreeform: false };
const answer: Outcome = {
  text: "Hello",
  thinking: "hm",
  refusal: "",
  toolCalls: [call],
  opaque: ["sig"],
  stop: "tool_use",
  usage: { input: 5, cacheRead: 1, cacheWrite: 0, output: 2 },
};
const failed: Outcome = { ...answer, error: { code: "x", message: "x" } };
const toChat: Crossing = { from: "messages", to: "chat", isStream: true };
const toMessages: Crossing = { from: "chat", to: "messages", isStream: true };

const broken = (source: Outcome, got: Outcome, crossing: Crossing) =>
  brokenInvariants(source, got, crossing).map(({ invariant }) => invariant);

describe("conservation", () => {
  test("an answer equal to its source breaks nothing", () => {
    expect(broken(answer, answer, toChat)).toEqual([]);
  });

  const losses: Record<string, [got: Outcome, invariant: string]> = {
    "a lost delta": [{ ...answer, text: "Hell" }, "text"],
    "lost thinking": [{ ...answer, thinking: "" }, "thinking"],
    "an extra call": [{ ...answer, toolCalls: [call, call] }, "tools"],
    "reprinted arguments": [{ ...answer, toolCalls: [{ ...call, arguments: '{"a":1}' }] }, "tools"],
    "another id": [{ ...answer, toolCalls: [{ ...call, id: "call_2" }] }, "tools"],
    "a lost signature": [{ ...answer, opaque: [] }, "opaque"],
    "another stop": [{ ...answer, stop: "end" }, "stop"],
    "uncounted cache": [
      { ...answer, usage: { input: 4, cacheRead: 0, cacheWrite: 0, output: 2 } },
      "usage",
    ],
    "no usage": [{ ...answer, usage: undefined } as unknown as Outcome, "usage"],
    "a failure from nowhere": [failed, "failure"],
  };
  for (const [title, [got, invariant]] of Object.entries(losses)) {
    test(`${title} is seen`, () => {
      expect(broken(answer, got, toChat)).toContain(invariant);
    });
  }

  test("a failure must stay one, with what had come before it", () => {
    expect(broken(failed, answer, toChat)).toEqual(["failure"]);
    expect(broken(failed, { ...failed, text: "Hel" }, toChat)).toEqual(["text"]);
    const half = { ...failed, toolCalls: [{ ...call, arguments: '{"a"' }] };
    expect(broken(failed, half, toChat)).toEqual([]);
  });

  test("a pause that nobody continued is a failure outside Messages", () => {
    const paused: Outcome = { ...answer, toolCalls: [], stop: "pause" };
    expect(broken(paused, paused, { ...toChat, to: "messages" })).toEqual([]);
    expect(broken(paused, { ...paused, stop: "end" }, toChat)).toEqual(["failure"]);
  });

  test("chat reasoning state may cross inside one carrier, and must not be lost", () => {
    const inDetails = { ...answer, opaque: ['[{"signature":"sig"}]'] };
    expect(broken(answer, inDetails, toMessages)).toEqual([]);
    expect(broken(answer, { ...answer, opaque: [] }, toMessages)).toEqual(["opaque"]);
  });

  test("a refusal becomes text in Messages", () => {
    const refused: Outcome = { ...answer, text: "", refusal: "no", toolCalls: [], stop: "refusal" };
    expect(broken(refused, { ...refused, text: "no", refusal: "" }, toMessages)).toEqual([]);
    expect(broken(refused, { ...refused, refusal: "" }, toMessages)).toEqual(["text"]);
  });

  test("ids illegal in the client's format may change, and only those", () => {
    const kimi: Outcome = { ...answer, toolCalls: [{ ...call, id: "functions.look:0" }] };
    expect(broken(kimi, answer, toMessages)).toEqual([]);
    expect(broken(kimi, { ...answer, toolCalls: [{ ...call, id: "" }] }, toMessages)).toEqual([
      "tools",
    ]);
  });

  test("a whole Messages reply may print arguments anew, and wraps what is no JSON", () => {
    const whole: Crossing = { ...toMessages, isStream: false };
    const as = (written: string): Outcome => ({
      ...answer,
      toolCalls: [{ ...call, arguments: written }],
    });
    expect(broken(answer, as('{"a":1}'), whole)).toEqual([]);
    expect(broken(as('{"a'), as('{"__raw":"{\\"a"}'), whole)).toEqual([]);
    expect(broken(answer, as('{"a":2}'), whole)).toEqual(["tools"]);
  });
});
