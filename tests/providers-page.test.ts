// The page about providers says what the program does: its table and its examples are checked against it.

import { expect, test } from "bun:test";
import { brokerKeys, openRegistry } from "#broker";
import { loadConfig } from "#platform";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dir, "..", "docs", "providers.md"), "utf8");

function registryOf(yaml: string) {
  const home = mkdtempSync(join(tmpdir(), "parley-page-"));
  try {
    writeFileSync(join(home, "config.yml"), yaml);
    return openRegistry(loadConfig({ keys: brokerKeys, env: { PARLEY_HOME: home }, cwd: home }));
  } finally {
    rmSync(home, { recursive: true });
  }
}

test("the table lists every login that ships, with its port and what its provider permits", () => {
  const rows = page.matchAll(/^\| `([\w-]+)` +\| ([^|]+?) +\| ([\w-]+) +\|/gm);
  const listed = [...rows].map(([, id, login, status]) => [id, login, status]);
  const shipped = registryOf("")
    .all()
    .flatMap(({ descriptor: { id, oauth } }) => {
      if (oauth === undefined) return [];
      const { flow, policy } = oauth;
      const login = flow.kind === "device" ? "device code" : `browser, port ${flow.redirect.port}`;
      return [[id, login, policy.status]];
    });
  expect(listed.toSorted()).toEqual(shipped.toSorted());
});

test("its examples are configurations that load", () => {
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) => yaml);
  const origins = examples.map((yaml) =>
    registryOf(yaml)
      .all()
      .filter(({ origin }) => origin !== "built-in")
      .map(({ descriptor, origin }) => [descriptor.id, origin]),
  );
  expect(origins).toEqual([[["gitlab-duo", "operator-client"]], [["house", "operator"]]]);
});
