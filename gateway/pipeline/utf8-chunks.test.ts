// Characters cut at every byte arrive intact.

import { expect, test } from "bun:test";
import { Utf8Chunks } from "./utf8-chunks.ts";

const TEXT = "plain é漢😀 plain \u{1f469}\u200d\u{1f4bb}!";
const bytes = new TextEncoder().encode(TEXT);

function decode(pieces: readonly Uint8Array[]): string {
  const chunks = new Utf8Chunks();
  return pieces.map((piece) => chunks.decode(piece)).join("") + chunks.end();
}

test("a text cut at any two places is the same text", () => {
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      const pieces = [
        bytes.subarray(0, first),
        bytes.subarray(first, second),
        bytes.subarray(second),
      ];
      expect(decode(pieces)).toBe(TEXT);
    }
  }
});

test("a text read byte by byte is the same text", () => {
  expect(decode(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toBe(TEXT);
});

test("a byte order mark, malformed bytes and a cut end do not throw", () => {
  expect(decode([Uint8Array.of(0xef, 0xbb), Uint8Array.of(0xbf, 0x61)])).toBe("\ufeffa");
  expect(decode([Uint8Array.of(0x61), Uint8Array.of(0xef, 0xbb, 0xbf)])).toBe("a\ufeff");
  expect(decode([Uint8Array.of(0x61, 0xff, 0x62)])).toBe("a\ufffdb");
  expect(decode([Uint8Array.of(0x61, 0xe6, 0xbc)])).toBe("a\ufffd");
});
