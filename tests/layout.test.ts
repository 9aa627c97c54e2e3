// The floor plan, enforced: which part may import which, no cycles (type imports count), no node: where code
// must run anywhere, one reader of the environment, files of a readable size.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = dirname(import.meta.dir);

/** Longest source file; past it a file has two subjects. */
const MAX_LINES = 600;

// Anything not listed is an error. `*` is every part; a test may import what its part may, and bun:test.
const allowed: Record<string, readonly string[]> = {
  wire: [],
  platform: ["#wire"],
  broker: ["#wire", "#platform"],
  relay: ["#wire", "#platform"],
  "web-guest": ["#wire"],
  gateway: ["#wire", "#platform", "#broker/client"],
  agent: ["#wire", "#platform", "#broker/client", "#gateway"],
  cli: ["#wire", "#platform", "#broker", "#broker/client", "#gateway", "#relay", "#agent"],
  docs: ["*"],
  tests: ["*"],
  bench: ["*"],
};

// The version is read where it is written.
const MANIFEST = "../package.json";
const ENV_READER = "platform/env.ts";
const RUNS_ANYWHERE = ["wire", "web-guest"];

interface Source {
  readonly path: string;
  readonly part: string;
  readonly text: string;
  readonly imports: readonly string[];
}

// Strings and comments may talk about imports; only statements at the start of a line, or import(), count.
const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

const sources: readonly Source[] = Object.keys(allowed).flatMap((part) =>
  [...new Bun.Glob("**/*.{ts,tsx}").scanSync({ cwd: join(root, part) })].map((file) => {
    const path = join(part, file);
    const text = readFileSync(join(root, path), "utf8");
    const imports = [...text.matchAll(IMPORT)].map(
      (match) => match[1] ?? match[2] ?? match[3] ?? "",
    );
    return { path, part, text, imports };
  }),
);
const production = sources.filter(({ path }) => !path.endsWith(".test.ts"));

function isRelative(specifier: string): boolean {
  return specifier.startsWith(".");
}

test("the plan sees the code: every part with files is checked", () => {
  expect(production.length).toBeGreaterThan(50);
  expect(production.flatMap(({ imports }) => imports).length).toBeGreaterThan(200);
});

test("parts import only along the arrows, and only through the door", () => {
  const wrong = sources.flatMap(({ path, part, imports }) => {
    const doors = allowed[part] ?? [];
    return imports
      .filter((name) =>
        isRelative(name)
          ? leavesPart(path, part, name) && name !== MANIFEST && !doors.includes("*")
          : name.startsWith("#") && !doors.includes(name) && !doors.includes("*"),
      )
      .map((name) => `${path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

function leavesPart(path: string, part: string, specifier: string): boolean {
  return relative(part, join(dirname(path), specifier)).startsWith("..");
}

test("no import cycles, type imports included", () => {
  expect(findCycles()).toEqual([]);
});

function findCycles(): string[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    imports: Record<string, string>;
  };
  const targets = new Map(
    production.map(({ path, imports }) => [
      path,
      imports.flatMap((name) => {
        if (isRelative(name)) return [relative(root, resolve(root, dirname(path), name))];
        const door = manifest.imports[name];
        return door ? [door.replace("./", "")] : [];
      }),
    ]),
  );
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    state.set(path, "open");
    for (const next of targets.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, "done");
  };
  for (const path of targets.keys()) visit(path, []);
  return cycles;
}

test("wire and web-guest import nothing that a browser lacks", () => {
  const wrong = production
    .filter(({ part }) => RUNS_ANYWHERE.includes(part))
    .flatMap(({ path, imports, text }) => [
      ...imports
        .filter((name) => /^(node:|bun)/.test(name))
        .map((name) => `${path} imports ${name}`),
      ...(/\b(process|Bun|Buffer)\./.test(text) ? [`${path} uses a global of Node or Bun`] : []),
    ]);
  expect(wrong).toEqual([]);
});

test("the environment is read in one file", () => {
  const readers = production.filter(({ text }) => /\b(process|Bun|import\.meta)\.env\b/.test(text));
  expect(readers.map(({ path }) => path)).toEqual([ENV_READER]);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = sources
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long).toEqual([]);
});

test("every file says at its top why it exists", () => {
  const bare = sources.filter(({ text }) => !/^(#!.*\n)?\/\/ /.test(text)).map(({ path }) => path);
  expect(bare).toEqual([]);
});

test("every part has a README", () => {
  const parts = Object.keys(allowed);
  const missing = parts.filter((part) => !Bun.file(join(root, part, "README.md")).size);
  expect(missing).toEqual([]);
});

test("no file holds the marks of an unfinished merge", () => {
  const files = [...new Bun.Glob("**/*.{md,ts,mjs,json,yml}").scanSync({ cwd: root })]
    .filter((file) => !file.includes("node_modules"))
    .filter((file) =>
      /^(?:> | )*(?:<{7}|>{7}|(?:> ){6}>|\\?={7}$)/m.test(readFileSync(join(root, file), "utf8")),
    );
  expect(files).toEqual([]);
});
