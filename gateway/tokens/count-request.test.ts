// Counts are the tokenizer's own for text, follow published rules for media, and come in time whatever the text.

import { afterAll, describe, expect, test } from "bun:test";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { ConversationRequest, Part, Tool } from "#wire";
import { countRequest } from "./count-request.ts";
import { MAX_IMAGE_TOKENS, PAGE_TOKENS } from "./media-tokens.ts";
import { MAX_PIECE_CHARS, textPieces } from "./text-pieces.ts";
import { Tokenizer } from "./tokenizer.ts";

const tokenizer = new Tokenizer();
afterAll(() => tokenizer.stop());

function request(parts: readonly Part[], rest: Partial<ConversationRequest> = {}) {
  const turns = [{ role: "user", parts } as const];
  return { model: "m", isStream: false, instructions: [], turns, tools: [], paths: {}, ...rest };
}

const text = (content: string) => [{ kind: "text", text: content } as const];
const count = (given: ConversationRequest) => countRequest(given, tokenizer.count);

const PROSE = `The gateway's answer, in "quotes" — and 漢字かな交じり文 with 😀.\n\tif (a != b) { return; }\n`;

describe("text", () => {
  test.each([
    ["a word", "Hello"],
    ["prose and code", PROSE.repeat(400)],
    ["JSON", JSON.stringify({ rows: Array.from({ length: 500 }, (_, i) => ({ i, s: `v${i}` })) })],
    ["a model's own marker", "before <|endoftext|> after"],
  ])("of %s costs within 2 %% of what the tokenizer says", async (_name, content) => {
    const own = countTokens(content, { allowedSpecial: new Set(), disallowedSpecial: new Set() });
    const ours = await count(request(text(content)));
    expect(Math.abs(ours - own)).toBeLessThanOrEqual(own * 0.02);
  });

  test("without a space is counted in time", async () => {
    const startedMs = performance.now();
    const tokens = await count(request(text("a".repeat(300_000))));
    expect(tokens).toBeGreaterThan(30_000);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  test("is cut before spaces, else anywhere but inside a character", () => {
    for (const content of [PROSE.repeat(50), "😀".repeat(2_000), `${" ".repeat(2_000)}x`]) {
      const pieces = [...textPieces(content)];
      expect(pieces.join("")).toBe(content);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(MAX_PIECE_CHARS);
        expect(piece.isWellFormed()).toBe(true);
      }
    }
    expect([...textPieces("")]).toEqual([]);
  });
});

describe("what is no text of the user", () => {
  test("counts too: system, tools, calls, results", async () => {
    const base = await count(request(text("hi")));
    const tool: Tool = {
      kind: "function",
      name: "get_weather",
      description: "The weather of a city.",
      schema: { type: "object", properties: { city: { type: "string" } } },
    };
    const result: Part = { kind: "toolResult", id: "a", parts: text("sunny and warm") };
    const call: Part = { kind: "toolCall", id: "a", name: "f", arguments: '{"city":"Paris"}' };
    for (const more of [
      request(text("hi"), { instructions: text("be brief") }),
      request(text("hi"), { tools: [tool] }),
      request([...text("hi"), call]),
      request([...text("hi"), result]),
    ]) {
      expect(await count(more)).toBeGreaterThan(base + 1);
    }
  });

  test("images cost their pixels, and the most where their size is not known", async () => {
    const png = (width: number, height: number) => {
      const bytes = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
      const size = Buffer.alloc(8);
      size.writeUInt32BE(width, 0);
      size.writeUInt32BE(height, 4);
      return Buffer.concat([bytes, size]).toString("base64");
    };
    const image = (data: string): Part => ({
      kind: "image",
      source: { from: "base64", mediaType: "image/png", data },
    });
    const far: Part = { kind: "image", source: { from: "url", url: "https://h/x.png" } };
    expect(await count(request([image(png(300, 250))]))).toBe(100);
    expect(await count(request([image(png(9_000, 9_000))]))).toBe(MAX_IMAGE_TOKENS);
    expect(await count(request([image("nonsense")]))).toBe(MAX_IMAGE_TOKENS);
    expect(await count(request([far, far]))).toBe(2 * MAX_IMAGE_TOKENS);
  });

  test("documents cost their pages", async () => {
    const pdf = "%PDF-1.4 /Type /Pages /Type /Page x /Type/Page y";
    const data = Buffer.from(pdf).toString("base64");
    const mediaType = "application/pdf";
    const part: Part = { kind: "document", source: { from: "base64", mediaType, data } };
    expect(await count(request([part]))).toBe(2 * PAGE_TOKENS);
  });
});

describe("the tokenizer's thread", () => {
  test("answers many at once, each its own", async () => {
    const texts = ["one", "one two", "one two three"];
    expect(await Promise.all(texts.map((each) => tokenizer.count([each])))).toEqual([1, 2, 3]);
  });

  test("ends when nobody asks, and starts again", async () => {
    const short = new Tokenizer({ idleMs: 1 });
    expect(short.isRunning).toBe(false);
    expect(await short.count(["a"])).toBe(1);
    while (short.isRunning) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await short.count(["a b"])).toBe(2);
    short.stop();
  });

  test("leaves nobody waiting when it is stopped", async () => {
    const other = new Tokenizer();
    const counting = other.count([PROSE]);
    other.stop();
    await expect(counting).rejects.toThrow("stopped");
  });
});
