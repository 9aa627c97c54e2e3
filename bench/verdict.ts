// Whether a figure meets what the gateway aims at. Says so; decides nothing more.

/** One figure beside its aim. */
export interface Verdict {
  /** The scenario or part it belongs to. */
  readonly scenario: string;
  /** What was measured, in a few words. */
  readonly what: string;
  /** NaN when nothing was measured. */
  readonly value: number;
  /** The most that is aimed at; where `isAtLeast`, the least. */
  readonly aim: number;
  readonly unit: string;
  readonly isAtLeast?: boolean;
  readonly hasPassed: boolean;
}

/** The verdict on `value`; one that lost answers (`isWhole` false) misses, however good it looks. */
export function judgeFigure(
  figure: Omit<Verdict, "hasPassed">,
  { isWhole = true }: { isWhole?: boolean } = {},
): Verdict {
  const { value, aim, isAtLeast = false } = figure;
  return { ...figure, hasPassed: isWhole && (isAtLeast ? value >= aim : value <= aim) };
}

/** One line per verdict. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ scenario, what, value, aim, unit, isAtLeast, hasPassed }) => {
    const shown = Number.isFinite(value) ? String(Math.round(value * 100) / 100) : "–";
    const bound = `${isAtLeast === true ? "≥" : "≤"} ${aim}${unit}`;
    return `${hasPassed ? "pass" : "miss"}  ${scenario}: ${what} ${shown}${unit}, aim ${bound}\n`;
  });
  return lines.length === 0 ? "" : `\n${lines.join("")}`;
}
