// Lines up the cells of a listing. Knows nothing about what they say.

/** Rows as text, each column as wide as its widest cell, two spaces between. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widthOf = (index: number) => Math.max(...rows.map((row) => row[index]?.length ?? 0));
  return rows
    .map((row) => row.map((cell, index) => cell.padEnd(widthOf(index))).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
