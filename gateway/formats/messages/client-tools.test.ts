// Anthropic's tools that the caller runs, told to models of other makers, and what stays Anthropic's.

import { expect, test } from "bun:test";
import { clientTool } from "./client-tools.ts";

interface Told {
  readonly name: string;
  readonly description: string;
  readonly schema: { properties: Record<string, { enum?: string[] }>; required: string[] };
}

const told = (type: string, raw = {}) =>
  clientTool(type, { type, ...raw }, "tools[0]") as Told | undefined;

test.each([
  ["bash_20250124", "bash", []],
  ["text_editor_20250124", "str_replace_editor", ["command", "path"]],
  ["text_editor_20250728", "str_replace_based_edit_tool", ["command", "path"]],
  ["memory_20250818", "memory", ["command"]],
  ["computer_20251124", "computer", ["action"]],
])("%s is the function %s, by which calls of it go", (type, name, required) => {
  const tool = told(type);
  expect(tool).toMatchObject({ kind: "function", name, path: "tools[0]" });
  expect(tool?.schema.required).toEqual(required);
  for (const field of required) expect(tool?.schema.properties).toHaveProperty(field);
});

test("each version knows its own words", () => {
  const wordsOf = (type: string, raw = {}) => {
    const { command, action } = told(type, raw)?.schema.properties ?? {};
    return (command ?? action)?.enum;
  };
  expect(wordsOf("text_editor_20241022")).toContain("undo_edit");
  expect(wordsOf("text_editor_20250728")).not.toContain("undo_edit");
  expect(told("text_editor_20250728")?.schema.properties).toHaveProperty("insert_text");
  expect(told("text_editor_20250429")?.schema.properties).not.toHaveProperty("insert_text");
  expect(wordsOf("computer_20241022")).not.toContain("scroll");
  expect(wordsOf("computer_20251124")).not.toContain("zoom");
  expect(wordsOf("computer_20251124", { enable_zoom: true })).toContain("zoom");
});

test("the size of the screen is told where it is given", () => {
  const size = { display_width_px: 1_280, display_height_px: 800 };
  expect(told("computer_20250124", size)?.description).toContain("1280 by 800");
  expect(told("computer_20250124")?.description).not.toContain("undefined");
});

test.each([
  "web_search_20250305",
  "code_execution_20250825",
  "computer_toolset_20260801",
  "toString",
])("%s stays what it is", (type) => expect(told(type)).toBeUndefined());
