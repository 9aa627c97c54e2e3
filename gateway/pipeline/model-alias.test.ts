// The caller's name of the model in an answer, and nothing else touched.

import { describe, expect, test } from "bun:test";
import { ModelAlias } from "./model-alias.ts";

const alias = () => new ModelAlias({ sent: "claude-x", asked: "anthropic/claude-x" });
function whole(text: string): string {
  const { model }: { model?: unknown } = JSON.parse(text);
  return alias().replaceTopLevel(Buffer.from(text), model).toString();
}
const lines = (text: string) => alias().replace(Buffer.from(text)).toString();

describe("a whole reply", () => {
  test("has its top-level model replaced, dated or not", () => {
    expect(whole('{"model":"claude-x"}')).toBe('{"model":"anthropic/claude-x"}');
    expect(whole('{"a":1, "model" : "claude-x-20260101"}')).toBe(
      '{"a":1, "model" : "anthropic/claude-x"}',
    );
  });

  test("has only the top-level one replaced where there are several", () => {
    const text = '{"content":[{"input":{"model":"claude-x"}}],"model":"claude-x"}';
    expect(whole(text)).toBe(text.replace(/claude-x"}$/, 'anthropic/claude-x"}'));
    const spaced = '{"input":{"model":"claude-x"},"model" : "claude-x"}';
    expect(whole(spaced)).toBe(spaced.replace(/claude-x"}$/, 'anthropic/claude-x"}'));
  });

  test("keeps tool inputs, metadata and other models as they are", () => {
    for (const text of [
      '{"content":[{"input":{"model":"claude-x"}}]}',
      '{"metadata":{"model":"claude-x"}}',
      '{"model":"claude-xl"}',
      '{"model":"gpt"}',
      '{"model":7}',
    ]) {
      expect(whole(text)).toBe(text);
    }
  });
});

describe("lines of a stream", () => {
  test("have it replaced in every event, whatever surrounds it", () => {
    const event = (model: string) => `data: {"id":"é漢","model":"${model}","choices":[]}\n\n`;
    const text = event("claude-x-2026-01-01").repeat(3);
    expect(lines(text)).toBe(event("anthropic/claude-x").repeat(3));
  });

  test("keep text that quotes it, and longer names", () => {
    const text =
      'data: {"delta":{"content":"\\"model\\":\\"claude-x\\""},"model":"claude-x-mini"}\n\n';
    expect(lines(text)).toBe(text);
  });
});
