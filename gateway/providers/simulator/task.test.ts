// The scripted task against the tools that agents really offer, as they named them in 2026: three calls, then an end that
// tells a finished task from one in which a tool answered wrongly.

import { describe, expect, test } from "bun:test";
import type { JsonObject, ReplyEvent } from "#wire";
import { readPrompt } from "./prompt.ts";
import { playTask, TASK_DONE, TASK_FILE, TASK_OUTPUT, TASK_TEXT } from "./task.ts";

const strings = (...names: string[]) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
});
const inMessages = (name: string, ...names: string[]) => ({
  name,
  input_schema: strings(...names),
});
const inChat = (name: string, ...names: string[]) => ({
  type: "function",
  function: { name, parameters: strings(...names) },
});
const inResponses = (name: string, ...names: string[]) => ({
  type: "function",
  name,
  parameters: strings(...names),
});
const patch = `*** Begin Patch\n*** Add File: ${TASK_FILE}\n+${TASK_TEXT}\n*** End Patch`;
const print = `printf '%s\\n' '${TASK_TEXT}' > ${TASK_FILE}`;
const cat = `cat ${TASK_FILE}`;
const upper = `tr a-z A-Z < ${TASK_FILE}`;
const exec = (text: string) => `text(${text});`;

const agents: Readonly<Record<string, { body: JsonObject; calls: readonly unknown[] }>> = {
  "Claude Code": {
    body: {
      tools: [
        inMessages("Agent", "prompt"),
        inMessages("Bash", "command", "description"),
        inMessages("Read", "file_path"),
        { name: "NotebookEdit" },
        inMessages("Write", "file_path", "content"),
      ],
    },
    calls: [
      ["Write", { file_path: TASK_FILE, content: TASK_TEXT }],
      ["Read", { file_path: TASK_FILE }],
      ["Bash", { command: upper }],
    ],
  },
  opencode: {
    body: {
      tools: [
        inChat("bash", "command"),
        inChat("read", "filePath"),
        inChat("todowrite", "todos"),
        inChat("write", "content", "filePath"),
      ],
    },
    calls: [
      ["write", { filePath: TASK_FILE, content: TASK_TEXT }],
      ["read", { filePath: TASK_FILE }],
      ["bash", { command: upper }],
    ],
  },
  "Codex with a model it does not know": {
    body: { tools: [inResponses("exec_command", "cmd"), inResponses("view_image", "path")] },
    calls: [
      ["exec_command", { cmd: print }],
      ["exec_command", { cmd: cat }],
      ["exec_command", { cmd: upper }],
    ],
  },
  "Codex with a freeform editor": {
    body: {
      tools: [
        { type: "web_search" },
        inResponses("exec_command", "cmd"),
        { type: "custom", name: "apply_patch", format: { type: "grammar" } },
      ],
    },
    calls: [
      ["apply_patch", patch],
      ["exec_command", { cmd: cat }],
      ["exec_command", { cmd: upper }],
    ],
  },
  "Codex where its editor became a function": {
    body: { tools: [inChat("exec_command", "cmd"), inChat("apply_patch", "input")] },
    calls: [
      ["apply_patch", { input: patch }],
      ["exec_command", { cmd: cat }],
      ["exec_command", { cmd: upper }],
    ],
  },
  "Codex with a model that writes scripts": {
    body: {
      input: [
        {
          type: "additional_tools",
          tools: [
            { type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] },
          ],
        },
      ],
    },
    calls: [
      ["functions.exec", exec(`await tools.apply_patch(${JSON.stringify(patch)})`)],
      ["functions.exec", exec(`(await tools.exec_command({"cmd":"${cat}"})).output`)],
      ["functions.exec", exec(`(await tools.exec_command({"cmd":"${upper}"})).output`)],
    ],
  },
  "an agent whose shell takes a list": {
    body: {
      tools: [
        {
          type: "custom",
          custom: { name: "apply_patch" },
        },
        {
          type: "function",
          function: { name: "shell", parameters: { properties: { command: { type: "array" } } } },
        },
      ],
    },
    calls: [
      ["apply_patch", patch],
      ["shell", { command: ["bash", "-lc", cat] }],
      ["shell", { command: ["bash", "-lc", upper] }],
    ],
  },
};

/** What the task says and calls when its calls so far were answered with `results`. */
function play(body: JsonObject, results: readonly string[]) {
  const events = playTask({ ...readPrompt(body, 0), results });
  const call = events.find((event) => event.type === "open" && event.kind === "toolCall");
  return { call, text: textAfter(events, call ?? events[0]) };
}

function textAfter(events: readonly ReplyEvent[], open: ReplyEvent | undefined): string {
  const from = open ? events.indexOf(open) : 0;
  return events
    .slice(from)
    .map((event) => (event.type === "delta" ? event.text : ""))
    .join("");
}

function callOf(body: JsonObject, results: readonly string[]): unknown {
  const { call, text } = play(body, results);
  if (call?.type !== "open" || call.kind !== "toolCall") return text;
  const { name, namespace, isFreeform } = call;
  const input: unknown = isFreeform ? text : JSON.parse(text);
  return [namespace === undefined ? name : `${namespace}.${name}`, input];
}

const ANSWERS = ["written", `1\t${TASK_TEXT}`, `${TASK_OUTPUT}\n`];

describe.each(Object.entries(agents))("%s", (_name, { body, calls }) => {
  test("is asked for its own tools, step by step, and told that it is done", () => {
    const steps = calls.map((_call, index) => callOf(body, ANSWERS.slice(0, index)));
    expect(steps).toEqual([...calls]);
    expect(play(body, ANSWERS).text).toBe(`${TASK_DONE}: ${TASK_OUTPUT}.`);
  });
});

describe("the task fails", () => {
  const body = agents["Claude Code"]?.body ?? {};

  test.each([
    [2, ["written", "File not found"]],
    [3, ["written", TASK_TEXT, TASK_TEXT]],
  ])("when step %i is answered wrongly", (step, results) => {
    const { call, text } = play(body, results);
    expect(call).toBeUndefined();
    expect(text).toStartWith(`The task failed: step ${step} was answered `);
  });

  test("when nothing offered can do a step, and it names what there is", () => {
    const { call, text } = play({ tools: [inMessages("Read", "file_path")] }, []);
    expect(call).toBeUndefined();
    expect(text).toBe("The task failed: of Read, none fits step 1.");
  });
});

test.each<[string, JsonObject]>([
  [
    "Chat",
    {
      messages: [
        { role: "tool", content: "a" },
        { role: "tool", content: [{ text: "b" }] },
      ],
    },
  ],
  [
    "Responses",
    {
      input: [
        { type: "function_call_output", output: "a" },
        { type: "custom_tool_call_output", output: [{ type: "input_text", text: "b" }] },
      ],
    },
  ],
  [
    "Messages",
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "tool_result", content: "a" },
            { type: "tool_result", content: [{ type: "text", text: "b" }] },
            { type: "text", text: "a reminder of the client's own" },
          ],
        },
      ],
    },
  ],
])("results are read in %s", (_dialect, body) => {
  const { results, hasResults } = readPrompt(body, 0);
  expect(results).toEqual(["a", "b"]);
  expect(hasResults).toBe(true);
});
