// Whose turn it is among equals: smooth weighted round-robin, as nginx has it, so that equals alternate, a double weight
// serves twice as often, and an account with little left serves little. Refuses to starve: everybody has some share.

import { BoundedMap } from "./bounded-map.ts";

/** Least share of an account that has next to nothing left, as a part of its weight. */
export const MIN_SHARE = 0.02;

const MAX_TURNS = 10_000;
const TURN_MEMORY_MS = 60 * 60_000;

/** One who may serve. */
export interface Contender {
  readonly key: string;
  readonly weight: number;
  /** From 0 to 1; undefined when unknown. */
  readonly headroom: number | undefined;
}

/** Gives turns. */
export class Turns {
  readonly #credit = new BoundedMap<number>({ maxEntries: MAX_TURNS, ttlMs: TURN_MEMORY_MS });

  /** The one whose turn it is. */
  take<C extends Contender>(contenders: readonly [C, ...C[]], nowMs: number): C {
    const [only, ...others] = contenders;
    if (others.length === 0) return only;
    const shares = sharesOf(contenders);
    let best = only;
    let bestCredit = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (const [index, contender] of contenders.entries()) {
      const share = shares[index] ?? 0;
      const credit = (this.#credit.get(contender.key, nowMs) ?? 0) + share;
      total += share;
      this.#credit.set(contender.key, credit, nowMs);
      if (credit <= bestCredit) continue;
      best = contender;
      bestCredit = credit;
    }
    this.#credit.set(best.key, bestCredit - total, nowMs);
    return best;
  }
}

function sharesOf(contenders: readonly Contender[]): number[] {
  const known = contenders.flatMap(({ headroom }) => (headroom === undefined ? [] : [headroom]));
  // Neutral: as well off as the others are on average.
  const neutral =
    known.length === 0 ? 1 : known.reduce((sum, left) => sum + left, 0) / known.length;
  return contenders.map(
    ({ weight, headroom }) => weight * Math.max(MIN_SHARE, headroom ?? neutral),
  );
}
