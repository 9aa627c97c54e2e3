// What the ledger of this host's gateway adds up, as a table, CSV or JSON.

import { PRICES_AS_OF, type UsageGroup, type UsageSum } from "#gateway";
import { columns } from "./table.ts";

const NANO_PER_USD = 1_000_000_000;
const LINE_END = "\r\n";
const FIELDS = [
  "requests",
  "refused",
  "input",
  "cacheRead",
  "cacheWrite",
  "output",
  "reasoning",
  "unpriced",
  "costNanoUsd",
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

/** Comma-separated values (RFC 4180) with a header; a cost that is not known is empty, not zero. */
export function usageCsv(sums: readonly UsageSum[], by: UsageGroup): string {
  const rows = sums.map((sum) => [
    quoted(sum.group),
    ...FIELDS.map((field) => String(sum[field] ?? "")),
    sum.costNanoUsd === null ? "" : exactUsd(sum.costNanoUsd),
  ]);
  const head = [by, ...FIELDS, "costUsd"];
  return [head, ...rows].map((row) => row.join(",") + LINE_END).join("");
}

/** All nine digits: what a spreadsheet adds up must be what was booked. */
function exactUsd(nanoUsd: number): string {
  const digits = String(nanoUsd).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

function cost({ costNanoUsd, unpriced }: UsageSum): string {
  if (costNanoUsd === null) return "not known";
  const known = `$${(costNanoUsd / NANO_PER_USD).toFixed(4)}`;
  return unpriced > 0 ? `${known}; ${unpriced} of unknown cost` : known;
}

// A model's name comes from a request; a spreadsheet must not take it for a formula.
function quoted(text: string): string {
  const plain = /^[\s=+\-@|%＝＋－＠]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
