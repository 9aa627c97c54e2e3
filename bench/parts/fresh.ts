// One process of its own for each target and pair: where memory is read, nothing may have happened before.

import { canServe, type Target } from "../target.ts";
import type { Pair } from "../pair.ts";
import type { Child } from "../child.ts";
import type { Bench } from "./part.ts";

/** A target alone, and the process whose memory is read. */
export interface Fresh {
  readonly target: Target;
  readonly child: Child;
  readonly pair: Pair;
}

/** Measures each pair that a target serves, on a target that has done nothing yet. */
export async function onFresh<Row>(
  { pool }: Bench,
  pairs: readonly Pair[],
  measure: (fresh: Fresh) => Promise<Row>,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const starter of pool.starters) {
    for (const pair of pairs) {
      const row = await pool.withFresh(starter, async (target) => {
        const { process: child } = target;
        return child && canServe(target, pair) ? await measure({ target, child, pair }) : undefined;
      });
      if (row !== undefined) rows.push(row);
    }
  }
  return rows;
}
