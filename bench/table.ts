// Columns of text. Knows nothing of what stands in them.

/** One column of a table over rows of `T`. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
}

/** The table, indented, without the columns that would be empty. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const shown = columns.filter(({ cell }) => rows.some((row) => cell(row) !== ""));
  return align([
    shown.map(({ title }) => title),
    ...rows.map((row) => shown.map(({ cell }) => cell(row))),
  ]);
}

/** A figure with so many digits; empty when there is none, a dash when it is not a number. */
export function fixed(value: number | undefined, digits: number): string {
  if (value === undefined) return "";
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

// The first column is words.
function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join("  "))
    .map((line) => `  ${line.trimEnd()}\n`)
    .join("");
}

function pad(cell: string, width: number, index: number): string {
  const isFigure = /^[\d.–-]*$/.test(cell);
  return isFigure && index > 0 ? cell.padStart(width) : cell.padEnd(width);
}
