// Hard budgets of one key, in nano-USD: the most that a request can cost is reserved before it is sent and settled
// after, so that parallel requests together never go over. What is reserved lives in this process only: one that is
// killed holds nothing back at the next start.

import { BUDGET_WINDOWS, type BudgetWindow, type KeyRules } from "./key-rules.ts";
import { dayOf, endOf, firstDayOf } from "./budget-window.ts";
import { RuleRefusal } from "./key-refusal.ts";

/** What is known of one budget; nano-USD. */
export interface BudgetState {
  readonly window: BudgetWindow;
  readonly limit: number | null;
  readonly spent: number;
  readonly reserved: number;
  /** Ms since the epoch; absent for `total`. */
  readonly resetsAtMs?: number;
}

/** The money of one key. */
export class Budget {
  readonly #spentByDay: Map<number, number>;
  #reserved = 0;

  /** `spentByDay`: nano-USD by number of the UTC day, as earlier processes have booked them. */
  constructor(spentByDay: ReadonlyMap<number, number> = new Map()) {
    this.#spentByDay = new Map(spentByDay);
  }

  /** Reserves, or throws RuleRefusal and reserves nothing. */
  reserve({ budgets }: KeyRules, amount: number, nowMs: number): void {
    for (const window of BUDGET_WINDOWS) {
      const limit = budgets[window];
      if (limit === null) continue;
      const left = limit - this.#spent(window, nowMs) - this.#reserved;
      if (amount > left) throw exceeded(window, { limit, amount, left, nowMs });
    }
    this.#reserved += amount;
  }

  /** Gives back what was reserved. */
  release(amount: number): void {
    this.#reserved -= amount;
  }

  /** Books what was spent. */
  spend(amount: number, atMs: number): void {
    const day = dayOf(atMs);
    this.#spentByDay.set(day, (this.#spentByDay.get(day) ?? 0) + amount);
  }

  /** Every window, limited or not. */
  states({ budgets }: KeyRules, nowMs: number): BudgetState[] {
    return BUDGET_WINDOWS.map((window) => {
      const resetsAtMs = endOf(window, nowMs);
      return {
        window,
        limit: budgets[window],
        spent: this.#spent(window, nowMs),
        reserved: this.#reserved,
        ...(resetsAtMs !== undefined && { resetsAtMs }),
      };
    });
  }

  #spent(window: BudgetWindow, nowMs: number): number {
    const first = firstDayOf(window, dayOf(nowMs));
    let spent = 0;
    for (const [day, amount] of this.#spentByDay) if (day >= first) spent += amount;
    return spent;
  }
}

const NAMES: Readonly<Record<BudgetWindow, string>> = {
  total: "whole",
  day: "day's",
  week: "week's",
  month: "month's",
};

function exceeded(
  window: BudgetWindow,
  { limit, amount, left, nowMs }: { limit: number; amount: number; left: number; nowMs: number },
): RuleRefusal {
  const endMs = endOf(window, nowMs);
  const message = `The ${NAMES[window]} budget of this key, ${dollars(limit)}, has ${dollars(Math.max(0, left))} left, and this request may cost up to ${dollars(amount)}. A smaller limit on output tokens makes that less.`;
  return new RuleRefusal("billing", "budget_exceeded", message, {
    isFinal: true,
    ...(endMs !== undefined && { retryAfterMs: endMs - nowMs }),
  });
}

/** Nano-USD as people read it. */
function dollars(nanoUsd: number): string {
  return `$${(nanoUsd / 1e9).toFixed(6)}`;
}
