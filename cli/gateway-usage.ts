// What the ledger of this host's gateway adds up, as a table, CSV or JSON.

import { PRICES_AS_OF, type UsageGroup, type UsageSum } from "#gateway";
import { columns } from "./table.ts";

const NANO_PER_USD = 1_000_000_000;
const FIELDS = [
  "requests",
  "refused",
  "input",
  "cacheRead",
  "cacheWrite",
  "output",
  "reasoning",
  "costNanoUsd",
  "unpriced",
] as const;

/** A table for people. */
export function usageTable(sums: readonly UsageSum[], by: UsageGroup): string {
  if (sums.length === 0) return "The gateway of this host has served nothing in that time.\n";
  const head = [by.toUpperCase(), "REQUESTS", "REFUSED", "INPUT", "CACHED", "OUTPUT", "COST"];
  const rows = sums.map((sum) => [
    sum.group,
    String(sum.requests),
    String(sum.refused),
    String(sum.input + sum.cacheWrite),
    String(sum.cacheRead),
    String(sum.output),
    cost(sum),
  ]);
  return `${columns([head, ...rows])}Bundled prices are of ${PRICES_AS_OF}; gateway.prices goes before them.\n`;
}

/** Comma-separated values with a header; costs in nano-USD. */
export function usageCsv(sums: readonly UsageSum[], by: UsageGroup): string {
  const rows = sums.map((sum) => [quoted(sum.group), ...FIELDS.map((field) => String(sum[field]))]);
  return [[by, ...FIELDS], ...rows].map((row) => `${row.join(",")}\n`).join("");
}

function cost({ costNanoUsd, unpriced, requests, refused }: UsageSum): string {
  if (unpriced > 0 && unpriced === requests - refused) return "not known";
  const known = `$${(costNanoUsd / NANO_PER_USD).toFixed(4)}`;
  return unpriced > 0 ? `${known} and ${unpriced} requests of unknown cost` : known;
}

// A model's name comes from a request; a spreadsheet must not take it for a formula.
function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
