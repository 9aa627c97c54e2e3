// The words: a fail-over in order, and text of strangers that cannot drive a terminal.

import { expect, test } from "bun:test";
import type { AccessRecord } from "#gateway";
import { explanation } from "./explanation.ts";

const record: AccessRecord = {
  requestId: "req_1",
  caller: { id: "key_1", name: "ada" },
  format: "responses",
  isStream: true,
  asked: "fast",
  outcome: "cut",
  status: 200,
  startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  firstByteMs: 250,
  elapsedMs: 12_340,
  trail: ["first choice", "second choice"],
  attempts: [
    {
      model: "a/m",
      provider: "a",
      upstreamModel: "m",
      format: "messages",
      keySource: "broker",
      credentialId: 3,
      beganMs: 1,
      decidedMs: 101,
      failure: { kind: "overloaded", code: "overloaded", status: 529, reason: "busy \u001b[2J" },
    },
    {
      model: "b/m",
      provider: "b",
      upstreamModel: "m",
      format: "responses",
      keySource: "environment",
      beganMs: 101,
      decidedMs: 250,
    },
  ],
};

test("a fail-over is told in order, with who, what, why and how it ended", () => {
  expect(explanation(record)).toBe(`Request req_1
At 2026-01-02 03:04:05.000Z the key "ada" asked for fast in OpenAI Responses, as a stream.

What was decided, in order:
  1. first choice
  2. second choice

Upstreams that were asked, in order:
  1. a/m in Anthropic Messages, with a credential of the broker (number 3): failed after 100 ms with HTTP 529 (overloaded): "busy ?[2J"
  2. b/m in OpenAI Responses, with the key of the environment: began to answer after 149 ms

End: the connection to the upstream broke in the middle of the answer, and the caller was told (cut, HTTP 200).
Time: 12.3 s in all. First byte after 250 ms.
Tokens: the upstream reported none.
`);
});
