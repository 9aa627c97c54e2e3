// Lines up the cells of a listing, and prints the times in them. Knows nothing about what they say.

/**
 * Rows as text, each column as wide as its widest cell, two spaces between. What would move the cursor or hide
 * text becomes "?": cells come from files that somebody else may have written to.
 */
export function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?")));
  const widthOf = (index: number) => Math.max(...cells.map((row) => row[index]?.length ?? 0));
  return cells
    .map((row) => row.map((cell, index) => cell.padEnd(widthOf(index))).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** A time to the minute, in UTC; `atMs` is since the epoch, and "?" when it cannot be a time. */
export function shortTime(atMs: number): string {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return "?";
  return `${date.toISOString().slice(0, 16).replace("T", " ")}Z`;
}
