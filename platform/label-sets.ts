// The label sets one metric may have. Refuses to let a caller who invents names (models, paths, users) fill the
// memory of this process and of whoever stores its metrics: past the limit they are all counted as `other`.

import { redact } from "./redact.ts";

/** Distinct label sets of one metric, `other` not counted. */
export const MAX_LABEL_SETS = 200;
/** Longest label value, in characters; the rest is cut. */
export const MAX_LABEL_LENGTH = 128;
/** The value of every label of what came after the limit. */
export const OTHER_LABEL = "other";

/** Bounds the label sets of one metric. */
export class LabelSets<Name extends string> {
  readonly #names: readonly Name[];
  readonly #known = new Map<string, Readonly<Record<Name, string>>>();
  readonly #other: Readonly<Record<Name, string>>;
  #last: Record<"given" | "set", Readonly<Record<Name, string>>> | undefined;

  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#other = this.#record(() => OTHER_LABEL);
  }

  /** The set to count under: the given one without secrets, or `other`. Labels that were not declared are left out. */
  bounded(given: Readonly<Record<Name, string>>): Readonly<Record<Name, string>> {
    // Most requests are like the one before.
    const last = this.#last;
    if (last && this.#names.every((name) => last.given[name] === given[name])) return last.set;
    const set = this.#find(given);
    this.#last = { given: { ...given }, set };
    return set;
  }

  #find(given: Readonly<Record<Name, string>>): Readonly<Record<Name, string>> {
    let key = "";
    for (const name of this.#names) {
      const value = given[name];
      const kept = value.length > MAX_LABEL_LENGTH ? value.slice(0, MAX_LABEL_LENGTH) : value;
      // Its length before it, so that no value can pass for two.
      key += `${kept.length}:${kept}`;
    }
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_LABEL_SETS) return this.#other;
    const set = this.#record((name) => redact(given[name]).slice(0, MAX_LABEL_LENGTH));
    this.#known.set(key, set);
    return set;
  }

  #record(valueOf: (name: Name) => string): Readonly<Record<Name, string>> {
    const entries = this.#names.map((name) => [name, valueOf(name)] as const);
    return Object.fromEntries(entries) as Record<Name, string>;
  }
}
