// Counts tokens on a thread of its own: the vocabulary takes a hundred megabytes and half a second to load, and no
// stream may wait for either. Holds no text once it is counted.

import { parentPort } from "node:worker_threads";
import { clearMergeCache, countTokens, setMergeCacheSize } from "gpt-tokenizer/encoding/o200k_base";
import { textPieces } from "./text-pieces.ts";

/** Characters counted of one request; what lies beyond is taken to be like it. */
const MAX_COUNTED_CHARS = 4_000_000;
// Words of a prompt would stay in the cache otherwise.
setMergeCacheSize(0);
clearMergeCache();

/** What a caller writes is text, even where it looks like a model's own marker. */
const PLAIN = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };

interface Job {
  readonly id: number;
  readonly texts: readonly string[];
}

parentPort?.on("message", ({ id, texts }: Job) => {
  parentPort?.postMessage({ id, tokens: countAll(texts) });
});

function countAll(texts: readonly string[]): number {
  let tokens = 0;
  let chars = 0;
  for (const text of texts) {
    for (const piece of textPieces(text)) {
      if (chars >= MAX_COUNTED_CHARS) return Math.ceil((tokens / chars) * lengthOf(texts));
      tokens += countTokens(piece, PLAIN);
      chars += piece.length;
    }
  }
  return tokens;
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}
