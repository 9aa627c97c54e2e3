// The references of broker and gateway name tests, files and constants; each must exist, or the page promises what
// nobody checks.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

const TEST = /`([\w./-]+\.test\.ts)` "([^"]+)"/g;
const CONSTANT = /^\| `([A-Z_]+)` +\|.*\| `([\w./-]+)` +\|$/gm;

const PAGES = [
  { name: "broker.md", tests: 60, constants: 7 },
  { name: "gateway.md", tests: 50, constants: 9 },
];

describe.each(PAGES)("$name", ({ name, tests, constants }) => {
  const page = readFileSync(join(root, "docs/reference", name), "utf8");

  test("names tests that are there", () => {
    const named = [...page.matchAll(TEST)].map(([, path = "", title = ""]) => ({ path, title }));
    expect(named.length).toBeGreaterThan(tests);
    const missing = named.filter(({ path, title }) => {
      const file = join(root, path);
      return !existsSync(file) || !readFileSync(file, "utf8").includes(title);
    });
    expect(missing).toEqual([]);
  });

  test("names a test in every row of a table of promises", () => {
    const tables = page.split("\n## ").filter((section) => section.includes("tested in"));
    const rows = tables.flatMap((section) =>
      section.split("\n").filter((line) => line.startsWith("| ")),
    );
    const bare = rows.filter((row) => !/\.test\.ts` "/.test(row) && !/tested in|---/.test(row));
    expect(bare).toEqual([]);
  });

  test("names constants that are exported where it says", () => {
    const named = [...page.matchAll(CONSTANT)];
    expect(named.length).toBeGreaterThan(constants);
    const missing = named.filter(
      ([, constant = "", path = ""]) =>
        !readFileSync(join(root, path), "utf8").includes(`export const ${constant} `),
    );
    expect(missing.map(([, constant]) => constant)).toEqual([]);
  });
});
