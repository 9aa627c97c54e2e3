// The generated reference is the one in the repository.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configKeys, renderReference } from "#cli";

const folder = join(import.meta.dir, "..", "docs", "reference");

for (const [file, content] of Object.entries(renderReference())) {
  test(`docs/reference/${file} is up to date`, () => {
    expect(readFileSync(join(folder, file), "utf8")).toBe(content);
  });
}

test("every key has a variable or is a structure, and one sentence of documentation", () => {
  for (const key of configKeys) {
    expect(key.doc).toMatch(/^[A-Z].*\.$/);
    expect(key.env ?? key.name).toMatch(
      /^(PARLEY_[A-Z_]+|providers|auth\.providers|gateway\.(?:routes|policy|prices))$/,
    );
  }
});
