// Every recorded request, and those of real coding agents, written for every compatible host: it obeys the
// host's rules, loses nothing without saying so, and is refused only with a path.

import { describe, expect, test } from "bun:test";
import { isJsonObject, type JsonObject } from "#wire";
import { formats } from "../../gateway/formats/index.ts";
import { builtInProviders } from "../../gateway/providers/index.ts";
import type { Provider } from "../../gateway/providers/provider.ts";
import { corpusRoot, openCorpus, recordedRequests } from "./corpus.ts";
import { HOST_RULES } from "./host-rules.ts";
import { Report } from "./report.ts";
import { checkRequest, type Tally } from "./request-suite.ts";

const providers: readonly Provider[] = builtInProviders;
const hosts = providers.filter(
  ({ id, formats: spoken }) => id in HOST_RULES && spoken.includes("chat"),
);
const corpus = openCorpus();

test("every compatible host has rules", () => {
  const lacking = providers.filter(
    ({ id, quirks }) => quirks.hasLegacyMaxTokens && !(id in HOST_RULES) && !EXEMPT.has(id),
  );
  expect(lacking.map(({ id }) => id)).toEqual([]);
  expect(Object.keys(HOST_RULES).toSorted()).toEqual(hosts.map(({ id }) => id).toSorted());
});

// Google's compatible endpoint has no recorded peculiarity beyond the common ones.
const EXEMPT = new Set(["google"]);

if (!corpus) {
  test.skip(`corpus not found at ${corpusRoot()}: no requests for hosts`, () => undefined);
} else {
  describe.each(hosts.map((host) => [host.id, host] as const))("requests for %s", (id, host) => {
    test("obey its rules", () => {
      const report = new Report();
      const tally: Tally = new Map();
      for (const each of recordedRequests(corpus)) {
        const obey = (body: JsonObject) => broken(id, body);
        report.run(`${each.name} request → ${id}`, () =>
          checkRequest(each, formats[each.format], formats.chat, tally, { host, obey }),
        );
      }
      report.close();
      expect(tally.get("taken")).toBeGreaterThan(200);
    }, 60_000);
  });
}

function* broken(id: string, body: JsonObject) {
  if (!isJsonObject(body)) return;
  for (const rule of HOST_RULES[id] ?? []) {
    const what = rule(body);
    if (what !== undefined) yield { invariant: `rule of ${id}`, detail: what };
  }
}
