// Who may do what, and see which providers: the whole matrix, and scopes against a plain reading of globs.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AccessInputError } from "./access-errors.ts";
import {
  allows,
  MAX_SCOPE_PATTERNS,
  parsePermissions,
  PERMISSION_DOCS,
  PERMISSIONS,
  ProviderScope,
} from "./permissions.ts";

describe("permissions", () => {
  for (const granted of PERMISSIONS) {
    for (const needed of PERMISSIONS) {
      const isAllowed = granted === needed || granted === "admin";
      test(`${granted} ${isAllowed ? "opens" : "does not open"} what needs ${needed}`, () => {
        expect(allows([granted], needed)).toBe(isAllowed);
      });
    }
  }

  test("nothing granted opens nothing, and several open what each opens", () => {
    for (const needed of PERMISSIONS) expect(allows([], needed)).toBe(false);
    expect(PERMISSIONS.filter((needed) => allows(["refresh", "usage"], needed))).toEqual([
      "refresh",
      "usage",
    ]);
  });

  test("each is listed once, and explained", () => {
    expect([...PERMISSIONS]).toEqual(
      Object.keys(PERMISSION_DOCS) as (typeof PERMISSIONS)[number][],
    );
  });

  test("names are parsed in one order, without doubles", () => {
    expect(parsePermissions(["usage", "snapshot", "usage"])).toEqual(["snapshot", "usage"]);
  });

  test.each([[[]], [["read"]], [["snapshot", ""]], [["constructor"]], [["snapshot "]]])(
    "%j is refused with the list of names",
    (names) => {
      const refused = refusal(() => parsePermissions(names));
      expect(refused.code).toBe("permission_unknown");
      expect(refused.fix).toContain("snapshot, refresh, usage, write, admin");
    },
  );
});

describe("scopes", () => {
  test("an id sees itself only", () => {
    const scope = ProviderScope.parse(["openai"]);
    expect(["openai", "openai2", "xopenai", "OpenAI", ""].map((id) => scope.sees(id))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(scope.isAll).toBe(false);
  });

  test("a glob sees what begins so, a star alone sees all", () => {
    const scope = ProviderScope.parse(["mcp_oauth:*", "openai"]);
    expect(scope.sees("mcp_oauth:profile:default:https://a.test/mcp")).toBe(true);
    expect(scope.sees("mcp_oauth")).toBe(false);
    expect(scope.sees("openai")).toBe(true);
    const all = ProviderScope.parse(["openai", "*"]);
    expect(all.isAll).toBe(true);
    expect(all.patterns).toEqual(["*"]);
    expect(all.sees("anything")).toBe(true);
  });

  test("patterns survive being written and read", () => {
    const scope = ProviderScope.parse(["b", "a*", "b"]);
    expect(scope.patterns).toEqual(["a*", "b"]);
    expect(ProviderScope.parse(scope.patterns).patterns).toEqual(scope.patterns);
  });

  test.each([[[]], [[""]], [["a b"]], [["a,b"]], [["é"]], [["a\n"]], [["x".repeat(1025)]]])(
    "%j is refused",
    (patterns) => {
      expect(refusal(() => ProviderScope.parse(patterns)).code).toBe("scope_invalid");
    },
  );

  test("too many patterns are refused", () => {
    const patterns = Array.from({ length: MAX_SCOPE_PATTERNS + 1 }, (_, index) => `p${index}`);
    expect(refusal(() => ProviderScope.parse(patterns)).code).toBe("scope_invalid");
    expect(ProviderScope.parse(patterns.slice(1)).sees("p7")).toBe(true);
  });

  test("any glob means what the regular expression of it means", () => {
    const letters = fc.string({
      unit: fc.constantFrom("a", "b", "*", "."),
      minLength: 1,
      maxLength: 8,
    });
    const ids = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 10 });
    fc.assert(
      fc.property(letters, ids, (pattern, id) => {
        const source = pattern.replaceAll(".", String.raw`\.`).replaceAll("*", ".*");
        const expected = new RegExp(`^${source}$`).test(id);
        expect(ProviderScope.parse([pattern]).sees(id)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  test("a hostile pattern costs no more than its length", () => {
    const scope = ProviderScope.parse([`${"a*".repeat(500)}b`]);
    const startMs = performance.now();
    expect(scope.sees("a".repeat(1000))).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(100);
  });
});

function refusal(action: () => unknown): AccessInputError {
  try {
    action();
  } catch (error) {
    if (error instanceof AccessInputError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
