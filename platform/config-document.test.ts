// Setting and unsetting in files that people wrote: everything else in them must survive.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { setInConfigFile, unsetInConfigFile } from "./config-document.ts";
import { ConfigError } from "./config-error.ts";
import { defineKey } from "./config-key.ts";

const bind = defineKey({
  name: "server.bind",
  schema: z.string().includes(":", "must be host:port"),
  default: "a:1",
  doc: "Where to listen.",
  project: "refused",
});
const max = defineKey({
  name: "server.max",
  schema: z.number(),
  default: 1,
  doc: "A limit.",
  project: "refused",
});
const peers = defineKey({
  name: "peers",
  schema: z.record(z.string(), z.strictObject({ url: z.string(), weight: z.number().optional() })),
  default: {},
  doc: "Other servers.",
  project: "refused",
});

const root = mkdtempSync(join(tmpdir(), "config-document-"));
afterAll(() => rmSync(root, { recursive: true }));

let made = 0;
function file(text?: string): string {
  made += 1;
  const path = join(root, `config-${made}.yml`);
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

function textAfter(before: string | undefined, change: (path: string) => void): string {
  const path = file(before);
  change(path);
  return readFileSync(path, "utf8");
}

describe("set", () => {
  test("a file that does not exist is created, private", () => {
    const path = file();
    setInConfigFile({ path, key: bind }, "b:2");
    expect(readFileSync(path, "utf8")).toBe("server:\n  bind: b:2\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("comments, order and blank lines stay", () => {
    const before =
      "# ours\npeers: { x: { url: u } } # inline\n\nserver:\n  # why\n  max: 3 # three\n  bind: a:1\n";
    expect(textAfter(before, (path) => setInConfigFile({ path, key: max }, "4"))).toBe(
      before.replace("max: 3", "max: 4"),
    );
  });

  test("a file of comments only keeps them", () => {
    const after = textAfter("# just notes\n", (path) => setInConfigFile({ path, key: max }, "4"));
    expect(after).toContain("# just notes");
    expect(after).toContain("server:\n  max: 4");
  });

  test("a group without content is filled", () => {
    const after = textAfter("server:\n", (path) => setInConfigFile({ path, key: max }, "4"));
    expect(after).toBe("server:\n  max: 4\n");
  });

  test("JSON stays JSON", () => {
    const after = textAfter('{ "server": { "max": 3 } }', (path) => {
      setInConfigFile({ path, key: bind }, "b:2");
    });
    expect(JSON.parse(after)).toEqual({ server: { max: 3, bind: "b:2" } });
  });

  test("a value inside a map is set in its place", () => {
    const after = textAfter("peers:\n  x: # first\n    url: u\n", (path) => {
      setInConfigFile({ path, key: peers, inner: ["x", "weight"] }, "2");
    });
    expect(after).toBe("peers:\n  x:\n    # first\n    url: u\n    weight: 2\n");
  });

  test("a whole map is written from its inline form", () => {
    const after = textAfter("", (path) =>
      setInConfigFile({ path, key: peers }, "{ y: { url: v } }"),
    );
    expect(after).toBe("peers:\n  y:\n    url: v\n");
  });

  test.each(["!op read x:y", "*star: x", "yes: no", "a: #b", "12:30", "line\nbreak: x"])(
    "the text %j reads back as itself",
    (text) => {
      const path = file();
      setInConfigFile({ path, key: bind }, text);
      expect(Bun.YAML.parse(readFileSync(path, "utf8"))).toEqual({ server: { bind: text } });
    },
  );

  test("commands that others wrote without quotes survive", () => {
    const before = "peers:\n  x:\n    url: !op read 'a b'\n";
    const after = textAfter(before, (path) => setInConfigFile({ path, key: max }, "4"));
    expect(after).toStartWith(before);
  });
});

describe("set refuses, and writes nothing", () => {
  test.each([
    [bind, [], "nonsense", 'server.bind: must be host:port; got the text "nonsense"'],
    [max, [], "many", 'server.max: expected a number, got the text "many"'],
    [peers, ["x", "weight"], "2", "peers.x.url: expected text, got nothing"],
  ] as const)("an invalid value", (key, inner, text, expected) => {
    const path = file();
    expect(() => setInConfigFile({ path, key, inner }, text)).toThrow(expected);
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ["a syntax error", "server: { max: 1"],
    ["a value where the group should be", "server: 3\n"],
    ["a duplicate key", "peers: {}\npeers: {}\n"],
    ["a group that is an alias", "base: &s { max: 1 }\nserver: *s\n"],
    ["a group whose change would reach an alias", "server: &s { max: 1 }\ncopy: *s\n"],
  ])("a file with %s", (_what, before) => {
    const path = file(before);
    expect(() => setInConfigFile({ path, key: bind }, "b:2")).toThrow(ConfigError);
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("unset", () => {
  test("the setting goes, comments and neighbours stay", () => {
    const before = "# ours\nserver:\n  max: 3 # three\n  bind: a:1\n";
    const after = textAfter(before, (path) => {
      expect(unsetInConfigFile({ path, key: bind })).toBe(true);
    });
    expect(after).toBe("# ours\nserver:\n  max: 3 # three\n");
  });

  test("a group that becomes empty goes too", () => {
    const after = textAfter("server: { max: 3 }\npeers: {}\n", (path) => {
      unsetInConfigFile({ path, key: max });
    });
    expect(after).toBe("peers: {}\n");
  });

  test("a comment at the top of the file outlives the first setting", () => {
    const before = "# ours\n# for all\nserver: { max: 3 }\n# others\npeers: {}\n";
    const after = textAfter(before, (path) => unsetInConfigFile({ path, key: max }));
    expect(after).toBe("# ours\n# for all\n# others\npeers: {}\n");
    const alone = textAfter("# ours\nserver: { max: 3 }\n", (path) =>
      unsetInConfigFile({ path, key: max }),
    );
    expect(alone).toStartWith("# ours\n");
  });

  test("the last setting leaves an empty configuration", () => {
    const after = textAfter("server: { max: 3 }\n", (path) =>
      unsetInConfigFile({ path, key: max }),
    );
    expect(Bun.YAML.parse(after) ?? {}).toEqual({});
  });

  test("what was not set is not removed, and no file is made", () => {
    const path = file();
    expect(unsetInConfigFile({ path, key: max })).toBe(false);
    expect(existsSync(path)).toBe(false);
    expect(unsetInConfigFile({ path: file("peers: {}\n"), key: max })).toBe(false);
  });

  test("removing what an entry needs is refused", () => {
    const path = file("peers: { x: { url: u, weight: 1 } }\n");
    expect(() => unsetInConfigFile({ path, key: peers, inner: ["x", "url"] })).toThrow(
      "peers.x.url",
    );
    expect(readFileSync(path, "utf8")).toContain("url: u");
  });
});
