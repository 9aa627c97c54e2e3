// The broker's reference names tests, files and constants; each must exist, or the page promises what nobody checks.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const page = readFileSync(join(root, "docs/reference/broker.md"), "utf8");

const TEST = /`([\w./-]+\.test\.ts)` "([^"]+)"/g;
const CONSTANT = /^\| `([A-Z_]+)` +\|.*\| `([\w./-]+)` +\|$/gm;

test("every test that the page names is there", () => {
  const named = [...page.matchAll(TEST)].map(([, path = "", title = ""]) => ({ path, title }));
  expect(named.length).toBeGreaterThan(60);
  const missing = named.filter(({ path, title }) => {
    const file = join(root, path);
    return !existsSync(file) || !readFileSync(file, "utf8").includes(title);
  });
  expect(missing).toEqual([]);
});

test("every row of a table of promises names a test", () => {
  const tables = page.split("\n## ").filter((section) => section.includes("tested in"));
  const rows = tables.flatMap((section) =>
    section.split("\n").filter((line) => line.startsWith("| ")),
  );
  const bare = rows.filter((row) => !/\.test\.ts` "/.test(row) && !/tested in|---/.test(row));
  expect(bare).toEqual([]);
});

test("every constant that the page names is exported where it says", () => {
  const named = [...page.matchAll(CONSTANT)];
  expect(named.length).toBeGreaterThan(7);
  const missing = named.filter(
    ([, name = "", path = ""]) =>
      !readFileSync(join(root, path), "utf8").includes(`export const ${name} `),
  );
  expect(missing.map(([, name]) => name)).toEqual([]);
});
