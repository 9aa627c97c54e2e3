// docs/performance.md: what one run of the bench printed, under the date and commit it was made from. Adds no figure
// and leaves none out.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const path = join(dirname(import.meta.dir), "docs", "performance.md");

/** Where the generated part begins; what a person wrote stands before it. */
export const MARK = "<!-- npm run bench -- --write-docs -->";

/** Replaces the generated part of the page. */
export function writePerformancePage(printed: string): void {
  writeFileSync(path, withTables(readFileSync(path, "utf8"), printed, madeFrom()));
}

/** The page with `printed` in place of the last run's tables. */
export function withTables(page: string, printed: string, from: string): string {
  const [written = ""] = page.split(MARK);
  return `${written}${MARK}\n\n${from}\n\n\`\`\`text\n${printed.trim()}\n\`\`\`\n`;
}

function madeFrom(): string {
  const git = (...args: string[]) =>
    Bun.spawnSync(["git", "-C", import.meta.dir, ...args])
      .stdout.toString()
      .trim();
  const hasChanges = git("status", "--porcelain") !== "";
  const commit = `${git("rev-parse", "--short", "HEAD")}${hasChanges ? " with changes" : ""}`;
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit}.`;
}
