// Gathers what a corpus suite found: counts what ran, separates known failures from new ones, and
// turns each into one message a person can act on.

import type { Broken } from "./conservation.ts";
import { KNOWN_FAILURES } from "./known-failures.ts";

/** Failures listed in one message; the rest is counted. */
export const MAX_LISTED = 40;

/** Thrown when the corpus does not hold; the message lists the cases. */
export class CorpusFailed extends Error {
  readonly code = "corpus_failed";
}

/** Collects the results of one bun test. */
export class Report {
  readonly #failures = new Map<string, string>();
  readonly #known = new Set<string>();
  readonly #listed: Readonly<Record<string, string>>;
  /** Checks made. */
  count = 0;

  constructor(listed: Readonly<Record<string, string>> = KNOWN_FAILURES) {
    this.#listed = listed;
  }

  /** Runs one case; whatever it throws is a failure named `threw`. */
  run(name: string, check: () => Iterable<Broken>): void {
    this.count += 1;
    try {
      for (const { invariant, detail } of check()) this.#fail(`${name}: ${invariant}`, detail);
    } catch (error) {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#fail(`${name}: threw`, said.split("\n").slice(0, 3).join(" "));
    }
    for (const known of Object.keys(this.#listed)) {
      if (known.startsWith(`${name}: `)) this.#known.add(known);
    }
  }

  #fail(name: string, detail: string): void {
    // The first detail says enough; a hundred violations of one rule would hide the other rules.
    if (!this.#failures.has(name)) this.#failures.set(name, detail);
  }

  /** Throws CorpusFailed unless exactly the known failures among the cases run have failed. */
  close(): void {
    const fresh = [...this.#failures].filter(([name]) => !this.#known.has(name));
    const healed = [...this.#known].filter((name) => !this.#failures.has(name));
    const lines = [
      ...fresh.map(([name, detail]) => `${name}: ${detail}`),
      ...healed.map((name) => `${name}: holds now; remove it from known-failures.ts`),
    ];
    if (lines.length === 0) return;
    const more = lines.length > MAX_LISTED ? [`… and ${lines.length - MAX_LISTED} more`] : [];
    const listed = lines.slice(0, MAX_LISTED);
    throw new CorpusFailed([`${lines.length} of the corpus:`, ...listed, ...more].join("\n"));
  }
}
