// What a client of the broker may do, and for which providers. A permission opens routes, a scope filters what
// they show; both must agree. Refuses to guess: an unknown permission or a malformed scope is an error.

import { MAX_PROVIDER_CHARS } from "#wire";
import { AccessInputError } from "./access-errors.ts";

/** What each permission opens, in the words of `--help`; `admin` implies the others. */
export const PERMISSION_DOCS = {
  snapshot: "read credentials: the snapshot, its stream, leases",
  refresh: "have a grant refreshed, report and clear cool-downs (blocks)",
  usage: "read and report usage, read metrics",
  write: "upload and disable credentials, list disabled ones",
  admin: "everything, tokens and the audit log included",
} as const;

/** The name of a permission. */
export type Permission = keyof typeof PERMISSION_DOCS;

/** Every permission, weakest first. */
export const PERMISSIONS: readonly Permission[] = [
  "snapshot",
  "refresh",
  "usage",
  "write",
  "admin",
];

/** Most patterns in one provider scope. */
export const MAX_SCOPE_PATTERNS = 64;

/** Permissions by name, each once, in the order of PERMISSIONS; throws AccessInputError. */
export function parsePermissions(names: readonly string[]): readonly Permission[] {
  const unknown = names.find((name) => !isPermission(name));
  if (unknown !== undefined || names.length === 0) {
    const problem =
      unknown === undefined ? "no permission was named" : "there is no such permission";
    throw new AccessInputError("permission_unknown", problem, {
      fix: `Name one or more of: ${PERMISSIONS.join(", ")}.`,
    });
  }
  return PERMISSIONS.filter((permission) => names.includes(permission));
}

/** True when one of the granted permissions is the needed one, or `admin`. */
export function allows(granted: readonly Permission[], needed: Permission): boolean {
  return granted.includes("admin") || granted.includes(needed);
}

function isPermission(name: string): name is Permission {
  return Object.hasOwn(PERMISSION_DOCS, name);
}

const ALL = "*";
const PATTERN = /^[\x21-\x2b\x2d-\x7e]+$/;

/** The providers a principal may know of: all, or those whose id matches a pattern (`*` is any text). */
export class ProviderScope {
  /** Sees every provider, also those that are added later. */
  static readonly all = new ProviderScope([ALL]);

  /** As they were given; `["*"]` for all. */
  readonly patterns: readonly string[];
  readonly #matchers: readonly ((provider: string) => boolean)[];

  private constructor(patterns: readonly string[]) {
    this.patterns = patterns;
    this.#matchers = patterns.map(matcher);
  }

  /** A scope from ids and globs such as `openai` or `mcp_oauth:*`; throws AccessInputError. */
  static parse(patterns: readonly string[]): ProviderScope {
    if (patterns.includes(ALL)) return ProviderScope.all;
    const distinct = [...new Set(patterns)].toSorted();
    if (distinct.length > 0 && distinct.length <= MAX_SCOPE_PATTERNS && distinct.every(isPattern)) {
      return new ProviderScope(distinct);
    }
    throw new AccessInputError("scope_invalid", "the providers are not a list of ids or globs", {
      fix: `Name up to ${MAX_SCOPE_PATTERNS}, such as openai or mcp_oauth:* (printable ASCII, no comma), or * for all.`,
    });
  }

  /** True for the scope that hides nothing. */
  get isAll(): boolean {
    return this === ProviderScope.all;
  }

  /** True when the provider may be shown, counted or changed. */
  sees(provider: string): boolean {
    return this.#matchers.some((matches) => matches(provider));
  }
}

function isPattern(text: string): boolean {
  return text.length <= MAX_PROVIDER_CHARS && PATTERN.test(text);
}

// Taken apart instead of made a RegExp: a pattern with many stars must not cost more than linear time.
function matcher(pattern: string): (provider: string) => boolean {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return (provider) => provider === pattern;
  return (provider) => {
    if (!provider.startsWith(head)) return false;
    let from = head.length;
    for (const part of rest) {
      const at = provider.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return provider.length - tail.length >= from && provider.endsWith(tail);
  };
}
