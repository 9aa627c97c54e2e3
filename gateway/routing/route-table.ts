// The operator's routes: names of their own for models, and several ways to serve one. A route's name is an alias or a
// glob with one `*`; its targets are always models of a provider, never other routes. Refuses routes to nowhere.

import { z } from "zod";

/** Highest weight of one way. */
export const MAX_WEIGHT = 1_000;

const ONE_STAR = /^[\x21-\x29\x2b-\x7e]*\*?[\x21-\x29\x2b-\x7e]*$/;

const RouteTarget = z.strictObject({
  model: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*\/[\x21-\x7e]+$/, "must be provider/model")
    .regex(ONE_STAR, "may hold one * only")
    .describe("`provider/model`; in a glob's target, `*` stands for what the name's `*` matched."),
  priority: z
    .int()
    .min(0)
    .default(0)
    .describe("Lower goes first; higher ones serve when no lower one can."),
  weight: z.int().min(1).max(MAX_WEIGHT).default(1).describe("Share among ways of equal priority."),
  credentials: z
    .array(z.int().positive())
    .min(1)
    .optional()
    .describe("Ids of the broker's credentials that may be used; without it, all."),
});
/** One way of a route. */
export type RouteTarget = z.infer<typeof RouteTarget>;

/** The `gateway.routes` section: alias or glob → ways. */
export const RoutesConfig = z.record(
  z.string().min(1).max(256).regex(ONE_STAR, "must be printable ASCII with at most one *"),
  z.array(RouteTarget).min(1),
);
/** The `gateway.routes` section. */
export type RoutesConfig = z.infer<typeof RoutesConfig>;

interface Glob {
  readonly prefix: string;
  readonly suffix: string;
  readonly targets: readonly RouteTarget[];
}

/** Routes by name. */
export class RouteTable {
  readonly #exact = new Map<string, readonly RouteTarget[]>();
  readonly #globs: Glob[] = [];

  constructor(routes: RoutesConfig) {
    for (const [name, targets] of Object.entries(routes)) {
      const star = name.indexOf("*");
      if (star === -1) this.#exact.set(name, targets);
      else {
        this.#globs.push({ prefix: name.slice(0, star), suffix: name.slice(star + 1), targets });
      }
    }
    // The more a glob says, the more it was meant.
    this.#globs.sort((a, b) => lengthOf(b) - lengthOf(a));
  }

  /** Names that are no globs, as they are listed. */
  get aliases(): ReadonlyMap<string, readonly RouteTarget[]> {
    return this.#exact;
  }

  /** The ways of a model id, an alias before any glob; undefined when no route has it. */
  find(id: string): readonly RouteTarget[] | undefined {
    const exact = this.#exact.get(id);
    if (exact) return exact;
    const glob = this.#globs.find((candidate) => matches(candidate, id));
    if (!glob) return undefined;
    const matched = id.slice(glob.prefix.length, id.length - glob.suffix.length);
    return glob.targets.map((target) => ({ ...target, model: withMatch(target.model, matched) }));
  }
}

function lengthOf({ prefix, suffix }: Glob): number {
  return prefix.length + suffix.length;
}

function matches(glob: Glob, id: string): boolean {
  return id.length >= lengthOf(glob) && id.startsWith(glob.prefix) && id.endsWith(glob.suffix);
}

// A replacement text would give `$` a meaning.
function withMatch(model: string, matched: string): string {
  const star = model.indexOf("*");
  return star === -1 ? model : model.slice(0, star) + matched + model.slice(star + 1);
}
