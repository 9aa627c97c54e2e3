// Who a request to Copilot is said to come from.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#wire";
import { githubCopilot } from "./github-copilot.ts";

const describeCall = (body: JsonObject) => githubCopilot.describeCall?.(body, "chat");
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA" } };
const call = { role: "assistant", tool_calls: [{ id: "a" }] };

describe("a turn is the user's", () => {
  test.each<[string, JsonObject]>([
    ["first message", { messages: [{ role: "user", content: "hi" }] }],
    [
      "message after an answer",
      {
        messages: [
          { role: "assistant", content: "a" },
          { role: "user", content: "b" },
        ],
      },
    ],
    [
      "message after a tool's result",
      { messages: [call, { role: "tool", content: "1" }, { role: "user", content: "stop" }] },
    ],
    ["string", { input: "hi" }],
    ["item", { input: [{ type: "message", role: "user", content: "hi" }] }],
  ])("when it is a %s", (_name, body) => {
    expect(describeCall(body)).toEqual({ "x-initiator": "user" });
  });
});

describe("a turn is the agent's", () => {
  test.each<[string, JsonObject]>([
    ["tool's result", { messages: [call, { role: "tool", content: "1" }] }],
    [
      "prefill",
      {
        messages: [
          { role: "user", content: "b" },
          { role: "assistant", content: "a" },
        ],
      },
    ],
    ["output item", { input: [{ type: "function_call_output", output: "1" }] }],
    ["nothing that was said", {}],
  ])("when it is a %s", (_name, body) => {
    expect(describeCall(body)).toEqual({ "x-initiator": "agent" });
  });

  test("when what follows the result is only the picture that the tool took", () => {
    const label = { type: "text", text: "[image 1 of the tool results]" };
    const messages = [
      call,
      { role: "tool", content: "see" },
      { role: "user", content: [label, image] },
    ];
    expect(describeCall({ messages })).toEqual({
      "x-initiator": "agent",
      "copilot-vision-request": "true",
    });
  });
});

test("pictures are announced wherever they are", () => {
  const asked = { messages: [{ role: "user", content: [image] }] };
  const shown = {
    input: [{ type: "function_call_output", output: [{ type: "input_image", image_url: "u" }] }],
  };
  expect(describeCall(asked)).toMatchObject({ "copilot-vision-request": "true" });
  expect(describeCall(shown)).toMatchObject({ "copilot-vision-request": "true" });
});

test("codex models are spoken to in Responses, all others in Chat", () => {
  expect(githubCopilot.formatsOf?.("gpt-5-codex")).toEqual(["responses"]);
  expect(githubCopilot.formatsOf?.("claude-sonnet-4.5")).toEqual(["chat"]);
});
