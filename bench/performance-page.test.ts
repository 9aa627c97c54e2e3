// The page keeps what a person wrote, and the tables of the last run only.

import { expect, test } from "bun:test";
import { MARK, withTables } from "./performance-page.ts";

test("a run replaces the tables of the run before, and nothing else", () => {
  const first = withTables(`# Title\n\nWords.\n\n${MARK}\n`, "\nold\n", "day one");
  const page = withTables(first, "\nnew\n", "day two");
  expect(page).toBe(`# Title\n\nWords.\n\n${MARK}\n\nday two\n\n\`\`\`text\nnew\n\`\`\`\n`);
});
