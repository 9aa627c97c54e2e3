// What a provider answered about an account becomes allowances, by the rules of its descriptor.
// Pure and total: whatever the answer is, the outcome is a list, at worst an empty one.

import type { UsageLimit } from "#wire";
import type { UsageLimitRule, UsageProbe } from "../oauth/descriptor.ts";
import { textAt, valueAt } from "../oauth/json-path.ts";
import { type MeasuredLimit, type UsageAccount, windowOf } from "./measured-limit.ts";
import { amountOf, type GivenAmount, statusOf } from "./usage-amount.ts";
import { lengthText, readLength, readNumber, readTime, readUnitS } from "./usage-values.ts";

/** Most allowances taken from one answer. */
export const MAX_LIMITS = 64;
/** Longest text taken from an answer, in characters. */
export const MAX_TEXT_CHARS = 120;

/** What is known after a probe. */
export interface ProbedUsage {
  readonly limits: readonly MeasuredLimit[];
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/** Reads the answer to a probe. */
export function readUsageAnswer(
  answer: unknown,
  { limits: rules, metadata }: Pick<UsageProbe, "limits" | "metadata">,
  { account, nowMs }: { account: UsageAccount; nowMs: number },
): ProbedUsage {
  const limits = new Map<string, MeasuredLimit>();
  for (const rule of rules) {
    for (const item of itemsOf(answer, rule)) {
      if (limits.size >= MAX_LIMITS) break;
      const measured = measure(rule, { item, answer, account, nowMs });
      // The first of an id wins: two bars of one name would contradict each other.
      if (measured && !limits.has(measured.limit.id)) limits.set(measured.limit.id, measured);
    }
  }
  return { limits: [...limits.values()], metadata: readMetadata(answer, metadata) };
}

interface Reading {
  /** What the rule's paths start from: the answer, or an item of its `each`. */
  readonly item: unknown;
  readonly answer: unknown;
  readonly account: UsageAccount;
  readonly nowMs: number;
}

function itemsOf(answer: unknown, { each, where }: UsageLimitRule): readonly unknown[] {
  const found = each === undefined ? [answer] : valueAt(answer, each);
  if (!Array.isArray(found)) return [];
  const wanted = Object.entries(where);
  const items: readonly unknown[] = found;
  return items
    .slice(0, MAX_LIMITS * 4)
    .filter((item) => wanted.every(([path, text]) => scalarText(valueAt(item, path)) === text));
}

function measure(rule: UsageLimitRule, reading: Reading): MeasuredLimit | undefined {
  const { answer, nowMs } = reading;
  const hasRelief =
    rule.relief.some((path) => valueAt(answer, path) === true) &&
    !rule.reliefEnd.some((path) => valueAt(answer, path) === true);
  const limit = limitOf(rule, reading, { hasRelief });
  return limit && { limit, measuredAtMs: nowMs, source: "probe", hasRelief };
}

function limitOf(
  rule: UsageLimitRule,
  reading: Reading,
  { hasRelief }: { hasRelief: boolean },
): UsageLimit | undefined {
  const { item, account } = reading;
  const isUnlimited = rule.unlimited !== undefined && valueAt(item, rule.unlimited) === true;
  const { unit } = rule;
  const amount = isUnlimited ? { unit } : amountOf(givenAmount(rule, item));
  if (amount === undefined) return undefined;
  const given = readWindow(rule, reading);
  const id = filled(rule.id, item);
  const label = filled(rule.label, item, windowLabelOf(given));
  const isReached = readFlag(rule.reached, item);
  const status = statusOf(amount, { isUnlimited, isReached, hasRelief });
  const window = windowOf(id, label, given);
  const scope = { ...account, windowId: window?.id };
  const isSpent = hasRelief && amount.usedFraction === 1;
  return { id, label, scope, window, amount, status, ...notesOf({ isUnlimited, isSpent }) };
}

function notesOf({ isUnlimited, isSpent }: { isUnlimited: boolean; isSpent: boolean }): {
  notes?: string[];
} {
  if (isUnlimited) return { notes: ["unlimited"] };
  return isSpent ? { notes: ["used up; what is over it is still let through"] } : {};
}

function givenAmount(rule: UsageLimitRule, item: unknown): GivenAmount {
  const at = (path: string | undefined) =>
    path === undefined ? undefined : readNumber(valueAt(item, path));
  const given = { used: at(rule.used), limit: at(rule.limit), remaining: at(rule.remaining) };
  return { ...given, unit: rule.unit, usedFraction: usedFraction(rule, at) };
}

function usedFraction(
  rule: UsageLimitRule,
  at: (path: string | undefined) => number | undefined,
): number | undefined {
  const [fraction, percent] = [at(rule.usedFraction), at(rule.usedPercent)];
  if (fraction !== undefined) return fraction;
  if (percent !== undefined) return percent / 100;
  const [left, leftPercent] = [at(rule.remainingFraction), at(rule.remainingPercent)];
  if (left !== undefined) return 1 - left;
  return leftPercent === undefined ? undefined : 1 - leftPercent / 100;
}

function readWindow(
  { resetsAt, resetsInS, windowS, windowUnit }: UsageLimitRule,
  { item, nowMs }: Reading,
): { durationMs?: number | undefined; resetsAt?: number | undefined } {
  const atMs = resetsAt === undefined ? undefined : readTime(valueAt(item, resetsAt));
  const inMs = resetsInS === undefined ? undefined : readLength(valueAt(item, resetsInS), 1);
  const unitS = windowUnit === undefined ? 1 : readUnitS(valueAt(item, windowUnit));
  const length = typeof windowS === "string" ? valueAt(item, windowS) : windowS;
  return {
    durationMs: unitS === undefined ? undefined : readLength(length, unitS),
    resetsAt: atMs ?? (inMs === undefined ? undefined : nowMs + inMs),
  };
}

function windowLabelOf({ durationMs }: { durationMs?: number | undefined }): string {
  return durationMs === undefined ? "?" : lengthText(durationMs);
}

function readFlag(path: string | undefined, item: unknown): boolean | undefined {
  const flag = path === undefined ? undefined : valueAt(item, path);
  return typeof flag === "boolean" ? flag : undefined;
}

function readMetadata(answer: unknown, paths: UsageProbe["metadata"]): ProbedUsage["metadata"] {
  const metadata: Record<string, string | number | boolean> = {};
  for (const [name, path] of Object.entries(paths)) {
    const value = readScalar(valueAt(answer, path));
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

function readScalar(value: unknown): string | number | boolean | undefined {
  if (typeof value === "string") return value === "" ? undefined : clean(value);
  return typeof value === "boolean" ? value : readNumber(value);
}

const PLACEHOLDER = /\{([^{}]+)\}/g;

function filled(template: string, item: unknown, windowLabel = ""): string {
  const text = template.replace(PLACEHOLDER, (_whole, path: string) =>
    path === "windowLabel" ? windowLabel : (textAt(item, path) ?? "?"),
  );
  return clean(text);
}

// Ends up on terminals: nothing that steers one may get there.
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "?").slice(0, MAX_TEXT_CHARS);
}

function scalarText(value: unknown): string | undefined {
  return typeof value === "object" || value === undefined ? undefined : String(value);
}
