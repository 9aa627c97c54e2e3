// Finding the corpus: where it is looked for, and that its absence is no error.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { corpusRoot, openCorpus } from "./corpus.ts";

test("PARLEY_CORPUS names the corpus; without it, it lies beside the repository", () => {
  expect(corpusRoot({ PARLEY_CORPUS: "/data/shared" })).toBe("/data/shared");
  expect(corpusRoot({})).toEndWith("/shared");
});

test("no corpus is undefined, never an exception", () => {
  expect(openCorpus("/nonexistent")).toBeUndefined();
});

test("a case has its body, its request and its status; other formats are left out", () => {
  const root = mkdtempSync(join(tmpdir(), "corpus-"));
  mkdirSync(join(root, "fixtures"));
  const write = (file: string, content: unknown) =>
    writeFileSync(join(root, "fixtures", file), JSON.stringify(content));
  write("index.json", [
    { file: "a.sse", format: "chat", status: null },
    { file: "b.json", format: "gemini-count", status: 200 },
  ]);
  write("a.sse", {});
  write("a.meta.json", { request: { model: "m" }, response_headers: { "retry-after": 3 } });
  const cases = openCorpus(root)?.cases;
  rmSync(root, { recursive: true });
  expect(cases).toMatchObject([
    {
      name: "a",
      format: "chat",
      status: 200,
      isStream: true,
      request: { model: "m" },
      headers: { "retry-after": "3" },
    },
  ]);
});
