// The sums of the ledger as people, spreadsheets and programs read them; names come from requests and are not trusted.

import { describe, expect, test } from "bun:test";
import type { UsageSum } from "#gateway";
import { usageCsv, usageTable } from "./gateway-usage.ts";

const sum = (more: Partial<UsageSum>): UsageSum => ({
  group: "sim/echo",
  requests: 3,
  refused: 1,
  input: 10,
  cacheRead: 20,
  cacheWrite: 5,
  output: 7,
  reasoning: 2,
  costNanoUsd: 1_234_567_890,
  unpriced: 0,
  ...more,
});

describe("as CSV", () => {
  test("every line ends as RFC 4180 has it, costs are exact to the nano-dollar", () => {
    expect(usageCsv([sum({})], "model")).toBe(
      "model,requests,refused,input,cacheRead,cacheWrite,output,reasoning,unpriced,costNanoUsd,costUsd\r\n" +
        '"sim/echo",3,1,10,20,5,7,2,0,1234567890,1.234567890\r\n',
    );
    expect(usageCsv([sum({ costNanoUsd: 5 })], "model")).toContain(",5,0.000000005\r\n");
  });

  test("a cost that is not known is empty, and no zero", () => {
    expect(usageCsv([sum({ costNanoUsd: null, unpriced: 2 })], "key")).toContain(",2,,\r\n");
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|x", "＝1"])(
    "%j is no formula",
    (group) => {
      const [, ...cells] = usageCsv([sum({ group })], "model").split('"');
      expect(cells[0]).toBe(`'${group}`);
    },
  );

  test("quotes, commas and line ends stay in their cell", () => {
    expect(usageCsv([sum({ group: 'a "b", c\r\nd' })], "key")).toContain('"a ""b"", c\r\nd",3,');
  });
});

describe("as a table", () => {
  test("what is not known is said, apart from what is", () => {
    const table = usageTable(
      [
        sum({}),
        sum({ group: "b", unpriced: 1 }),
        sum({ group: "c", costNanoUsd: null, unpriced: 2 }),
      ],
      "model",
    );
    const costs = table.split("\n").map((line) => line.slice(line.lastIndexOf("  ") + 2));
    expect(costs.slice(0, 4)).toEqual([
      "COST",
      "$1.2346",
      "$1.2346; 1 of unknown cost",
      "not known",
    ]);
  });
});
