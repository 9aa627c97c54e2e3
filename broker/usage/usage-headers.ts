// Limits that a provider states in the headers of ordinary answers, by the rules of its descriptor.
// Pure and total: headers that no rule names, and values that cannot be read, count for nothing.

import type { UsageHeaders } from "../oauth/descriptor.ts";
import { type MeasuredLimit, type UsageAccount, windowOf } from "./measured-limit.ts";
import { amountOf, statusOf } from "./usage-amount.ts";
import { readHeaderTime, readLength, readNumber } from "./usage-values.ts";

/** The allowances that a set of headers (names in lower case) tells of. */
export function readUsageHeaders(
  headers: Readonly<Record<string, string>>,
  rules: readonly UsageHeaders[],
  { account, nowMs }: { account: UsageAccount; nowMs: number },
): MeasuredLimit[] {
  const found = new Map(Object.entries(headers));
  return rules.flatMap((rule) => {
    const limit = limitOf(rule, { headers: found, account, nowMs });
    return limit === undefined
      ? []
      : [{ limit, measuredAtMs: nowMs, source: "headers", hasRelief: false }];
  });
}

function limitOf(
  rule: UsageHeaders,
  given: {
    readonly headers: ReadonlyMap<string, string>;
    readonly account: UsageAccount;
    readonly nowMs: number;
  },
): MeasuredLimit["limit"] | undefined {
  const { headers, account, nowMs } = given;
  const textOf = (name: string | undefined) => (name === undefined ? undefined : headers.get(name));
  const numberOf = (name: string | undefined) => readNumber(textOf(name));
  const percent = numberOf(rule.usedPercent);
  const amount = amountOf({
    limit: numberOf(rule.limit),
    remaining: numberOf(rule.remaining),
    usedFraction:
      numberOf(rule.usedFraction) ?? (percent === undefined ? undefined : percent / 100),
    unit: rule.unit,
  });
  if (amount === undefined) return undefined;
  const resets = textOf(rule.resetsAt);
  const { id, label } = rule;
  const window = windowOf(id, label, {
    durationMs: readLength(rule.windowS, 1) ?? readLength(textOf(rule.windowMinutes), 60),
    resetsAt: resets === undefined ? undefined : readHeaderTime(resets, nowMs),
  });
  const scope = { ...account, windowId: window?.id };
  return { id, label, scope, window, amount, status: statusOf(amount) };
}
