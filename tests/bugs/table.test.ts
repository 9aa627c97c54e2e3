// The table of tests/README.md: all forty bugs are in it, and each names words that stand in its file.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const readme = readFileSync(join(import.meta.dir, "../README.md"), "utf8");
const rows = [...readme.matchAll(/^\| (\d+) +\| +(?:`([a-z-]+)`)? *\| (.+?) *\|$/gm)].map(
  ([, number, file = "", words = ""]) => ({ number: Number(number), file, words }),
);

test("the table numbers all forty bugs", () => {
  expect(rows.map(({ number }) => number)).toEqual(
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
});

test.each(rows.filter(({ file }) => file !== ""))("bug $number is in $file", ({ file, words }) => {
  const path = join(import.meta.dir, `${file}.test.ts`);
  expect(existsSync(path)).toBe(true);
  const tests = readFileSync(path, "utf8");
  for (const title of words.split("; ")) expect(tests).toContain(title);
});
