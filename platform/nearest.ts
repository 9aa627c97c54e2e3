// "Did you mean …?": the nearest known name to one that is not known.
// Refuses far guesses: a wrong suggestion costs more than none.

import { distance } from "fastest-levenshtein";

/** Names longer than this are not compared: the distance costs the product of both lengths. */
export const MAX_COMPARED_LENGTH = 128;

/**
 * The known name nearest to `name`, or undefined when none is near (more than about a third
 * differs).
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_COMPARED_LENGTH) return undefined;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = tolerance(name.length) + 1;
  for (const candidate of known) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (edits >= bestDistance) continue;
    best = candidate;
    bestDistance = edits;
  }
  return best;
}

function tolerance(length: number): number {
  return length <= 2 ? 1 : Math.max(2, Math.floor(length / 3));
}
