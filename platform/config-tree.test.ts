// What people write in configuration files, and what strangers could.

import { describe, expect, test } from "bun:test";
import {
  MAX_CONFIG_DEPTH,
  MAX_CONFIG_NODES,
  MAX_CONFIG_PROBLEMS,
  parseConfigTree,
  parseInlineValue,
} from "./config-tree.ts";

function valueOf(text: string): unknown {
  const { value, problems } = parseConfigTree("f.yml", text);
  expect(problems).toEqual([]);
  return value;
}

function problemsOf(text: string): string[] {
  return parseConfigTree("f.yml", text).problems.map(
    ({ where, message }) => `${where}: ${message}`,
  );
}

describe("what people write", () => {
  test("YAML and JSON give the same values", () => {
    const expected = { server: { bind: "127.0.0.1:0", hosts: ["a", "b"], max: 3, on: true } };
    expect(
      valueOf("server:\n  bind: 127.0.0.1:0\n  hosts: [a, b]\n  max: 3\n  on: true\n"),
    ).toEqual(expected);
    expect(valueOf(JSON.stringify(expected))).toEqual(expected);
  });

  test.each(["", "# only a comment\n", "---\n", "\ufeff"])(
    "an empty file %j says nothing",
    (text) => {
      expect(valueOf(text)).toEqual({});
    },
  );

  test("yes and dates stay texts, as in YAML 1.2", () => {
    expect(valueOf("a: yes\nb: 2026-01-01")).toEqual({ a: "yes", b: "2026-01-01" });
  });

  test("an alias is read as what it stands for", () => {
    expect(valueOf("a: &x { k: 1 }\nb: *x")).toEqual({ a: { k: 1 }, b: { k: 1 } });
  });

  test.each([
    ["a: !op read 'my key' # comment", "!op read 'my key'"],
    ["a: { b: 1 }\nc: !/usr/bin/pass show x | head -1", "!/usr/bin/pass show x | head -1"],
    ["c: !date", "!date"],
    ['c: "!op read x"', "!op read x"],
  ])("a text that begins with ! is that text: %s", (text, expected) => {
    expect(Object.values(Object(valueOf(text))).at(-1)).toBe(expected);
  });

  test("the line of a key is known, and that of the nearest ancestor of a missing one", () => {
    const tree = parseConfigTree("f.yml", "# top\na:\n  b:\n    c: 1\n");
    expect(tree.lineOf(["a", "b", "c"])).toBe(4);
    expect(tree.lineOf(["a", "b", "missing", "deeper"])).toBe(3);
    expect(tree.lineOf(["elsewhere"])).toBe(1);
  });

  test("an inline value is read on its own, and broken text is a SyntaxError", () => {
    expect(parseInlineValue("{ a: [1, x] }")).toEqual({ a: [1, "x"] });
    expect(() => parseInlineValue("{ a: [1")).toThrow(SyntaxError);
  });
});

describe("what is refused, with its line", () => {
  test.each([
    ["a: 1\nb: 2\na: 3", 'f.yml:3: "a" is already set in this mapping'],
    ['{ "a": 1,\n "a": 2 }', 'f.yml:2: "a" is already set in this mapping'],
    ["a:\n  __proto__: { x: 1 }", 'f.yml:2: a key may not be named "__proto__"'],
    ["constructor: 1", 'f.yml:1: a key may not be named "constructor"'],
    ["a: *nowhere", "f.yml:1: an alias without its anchor above"],
    ["a:\n\tb: 1", "f.yml:2: indent with spaces, not with tabs"],
    ["a: 1\n---\nb: 2", "f.yml:2: only one document per file; remove the --- line"],
    ["%YAML 1.1\n---\na: yes", "f.yml:1: %YAML directives are not supported"],
    ["- a\n- b", "f.yml:1: expected settings, such as `group: { key: value }`"],
  ])("%j", (text, expected) => {
    expect(problemsOf(text)[0]).toStartWith(expected);
  });

  test.each(["!!js/function 'x'", "!!binary aGk=", "!<tag:x> y", "!map { a: 1 }", "!op |\n  x"])(
    "a tag that would make something else than text: %s",
    (value) => {
      expect(problemsOf(`a: ${value}`)[0]).toContain("tags are not supported");
    },
  );

  test("no syntax problem quotes the file, which may hold a key", () => {
    const broken = [
      'k: "sk-canary',
      "k: [sk-canary",
      "sk-canary: a: b",
      "k: 'x' sk-canary",
      "k: *sk-canary",
      "? sk-canary\n]",
    ];
    for (const text of broken) {
      const problems = problemsOf(text);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.join("\n")).not.toContain("canary");
    }
  });
});

describe("hostile files", () => {
  test("an alias of itself ends at the depth limit", () => {
    expect(problemsOf("a: &x [*x]")[0]).toContain(`deeper than ${MAX_CONFIG_DEPTH} levels`);
  });

  test("a billion laughs ends at the value limit", () => {
    const levels = ["a: &a [1,1,1,1,1,1,1,1,1,1]"];
    for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"]) {
      levels.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(",")}]`);
    }
    expect(problemsOf(levels.join("\n"))[0]).toContain(`more than ${MAX_CONFIG_NODES} values`);
  });

  test("nesting that would exhaust the stack is a problem, not a crash", () => {
    expect(problemsOf("[".repeat(30_000)).length).toBeGreaterThan(0);
    expect(problemsOf("- ".repeat(30_000))[0]).toContain("nested too deeply");
  });

  test("a file wrong in every line is reported up to a limit", () => {
    expect(problemsOf("a: 1\n".repeat(500))).toHaveLength(MAX_CONFIG_PROBLEMS);
  });
});
