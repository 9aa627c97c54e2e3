// A string that cannot leave by accident: printing, logging or serialising it shows a marker.
// Refuses to be clever: whoever needs the value says so with reveal(), which is easy to grep for.

import { inspect } from "node:util";

/** What stands in for a secret wherever one would have been printed. */
export const SECRET_MARKER = "[secret]";

/** Holds a secret; only `reveal()` returns it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself; keep it in a local and let it go. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SECRET_MARKER;
  }

  toJSON(): string {
    return SECRET_MARKER;
  }

  [inspect.custom](): string {
    return SECRET_MARKER;
  }
}
