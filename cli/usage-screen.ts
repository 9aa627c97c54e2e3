// Usage reports as lines for a terminal: a bar for each account and window, by provider. Pure; draws nothing
// that was not reported, and lets nothing through that a provider called something and a terminal obeys.

import type { UsageLimit, UsageReport } from "#wire";

/** Widest line, in columns. */
export const SCREEN_COLUMNS = 80;
/** A report this old is said to be, in ms: longer than a broker lets one stand. */
export const OLD_REPORT_MS = 7 * 60_000;

const INDENT = "    ";
const MIN_NAME_COLUMNS = 16;
const LABEL_COLUMNS = 18;
const BAR_COLUMNS = 16;
const PERCENT_COLUMNS = 5;
// What is left after those, two columns before each.
const DETAIL_COLUMNS =
  SCREEN_COLUMNS - 4 - LABEL_COLUMNS - 2 - BAR_COLUMNS - 2 - PERCENT_COLUMNS - 2;

/** What drawing depends on. */
export interface ScreenOptions {
  readonly nowMs: number;
  readonly isColorful: boolean;
}

/** The reports, those of one provider under its id. */
export function usageScreen(reports: readonly UsageReport[], options: ScreenOptions): string {
  const byProvider = Map.groupBy(reports, ({ provider }) => provider);
  const blocks = [...byProvider].map(([provider, accounts]) => {
    const title = paint("bold", cut(provider, SCREEN_COLUMNS), options);
    const lines = accounts.flatMap((report) => accountLines(report, options));
    return `${[title, ...lines].join("\n")}\n`;
  });
  return blocks.join("\n");
}

function accountLines(report: UsageReport, options: ScreenOptions): string[] {
  const about = [planOf(report), ageText(report, options)].filter((text) => text !== "").join(", ");
  const aside = cut(about, SCREEN_COLUMNS - 2 - MIN_NAME_COLUMNS - 2);
  const room = SCREEN_COLUMNS - 2 - (aside === "" ? 0 : widthOf(aside) + 2);
  const name = cut(accountName(report), room);
  const title = aside === "" ? `  ${name}` : `  ${name}  ${paint("dim", aside, options)}`;
  if (report.limits.length === 0) return [title, `${INDENT}– not known`];
  return [title, ...report.limits.map((limit) => limitLine(limit, options))];
}

function limitLine(limit: UsageLimit, options: ScreenOptions): string {
  const { usedFraction } = limit.amount;
  const isUnlimited = usedFraction === undefined && limit.notes?.includes("unlimited") === true;
  const detail = isUnlimited ? "" : detailText(limit, options.nowMs);
  const line = [
    INDENT + padded(cut(limit.label, LABEL_COLUMNS), LABEL_COLUMNS),
    isUnlimited ? padded("unlimited", BAR_COLUMNS) : bar(limit, options),
    percentText(isUnlimited ? undefined : usedFraction, { isUnlimited }),
    paint("dim", cut(detail, DETAIL_COLUMNS), options),
  ].join("  ");
  return line.trimEnd();
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const STATUS_PAINT = { ok: "green", warning: "yellow", exhausted: "red", unknown: "dim" } as const;

/** Full only when all is used, empty only when nothing is. */
function bar({ amount, status = "unknown" }: UsageLimit, options: ScreenOptions): string {
  const fraction = amount.usedFraction;
  if (fraction === undefined) return padded("–", BAR_COLUMNS);
  const most = BAR_COLUMNS * 8;
  const share = Math.min(1, Math.max(0, fraction));
  const eighths = share === 1 ? most : Math.min(most - 1, Math.ceil(share * most));
  const filled = "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  const rest = "░".repeat(BAR_COLUMNS - filled.length);
  const color = STATUS_PAINT[status];
  return (filled && paint(color, filled, options)) + (rest && paint("dim", rest, options));
}

function percentText(
  fraction: number | undefined,
  { isUnlimited }: { isUnlimited: boolean },
): string {
  if (isUnlimited) return "";
  if (fraction === undefined) return "–".padStart(PERCENT_COLUMNS);
  const percent = Math.min(1, Math.max(0, fraction)) * 100;
  // 99.6 is not 100, and 0.4 is not 0.
  const text = percent > 0 && percent < 1 ? "<1 %" : `${Math.floor(percent)} %`;
  return text.padStart(PERCENT_COLUMNS);
}

function detailText({ amount, window }: UsageLimit, nowMs: number): string {
  const resetsAt = window?.resetsAt;
  const isAhead = resetsAt !== undefined && resetsAt > nowMs;
  const resets = isAhead ? `resets in ${spanText(resetsAt - nowMs)}` : "";
  const whole = [amountText(amount), resets].filter((text) => text !== "").join(", ");
  // Half a time would be another time.
  return widthOf(whole) > DETAIL_COLUMNS ? resets : whole;
}

function amountText({ used, limit, remaining, unit }: UsageLimit["amount"]): string {
  if (unit === "percent" || unit === "unknown") return "";
  if (used !== undefined && limit !== undefined) {
    return `${countText(used, unit)} of ${countText(limit, unit)}`;
  }
  if (used !== undefined) return `${countText(used, unit)} used`;
  return remaining === undefined ? "" : `${countText(remaining, unit)} left`;
}

function countText(count: number, unit: UsageLimit["amount"]["unit"]): string {
  if (unit === "usd") return `$${count.toFixed(2)}`;
  if (Math.abs(count) >= 1e6) return `${shortNumber(count / 1e6)}M`;
  if (Math.abs(count) >= 1e4) return `${shortNumber(count / 1e3)}k`;
  return shortNumber(count);
}

function shortNumber(number: number): string {
  return String(Math.round(number * 10) / 10);
}

// Longer than any window or memory: a wrong clock somewhere.
const MAX_DAYS = 3_650;

/** A length of time in its two largest units: `2h 13m`, `3d 4h`. */
function spanText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "<1m";
  const [days, hours] = [Math.floor(minutes / 1_440), Math.floor(minutes / 60) % 24];
  if (days > MAX_DAYS) return "years";
  if (days > 0) return hours > 0 ? `${days}d ${hours}h` : `${days}d`;
  const rest = minutes % 60;
  if (hours > 0) return rest > 0 ? `${hours}h ${rest}m` : `${hours}h`;
  return `${rest}m`;
}

function accountName({ metadata = {} }: UsageReport): string {
  const [email, accountId, orgName] = ["email", "accountId", "orgName"].map((key) =>
    textIn(metadata, key),
  );
  const organization = orgName === "" ? "" : ` (${orgName})`;
  if (email || accountId) return `${email || accountId}${organization}`;
  const id = metadata["credentialId"];
  const kind = metadata["type"] === "api_key" ? "API key" : "account";
  return typeof id === "number" ? `${kind} ${id}` : kind;
}

function planOf({ metadata = {} }: UsageReport): string {
  const plan = textIn(metadata, "plan");
  return plan === "" ? "" : cut(`plan ${plan}`, 24);
}

const REASONS: Readonly<Record<string, string>> = {
  usage_rate_limited: "asked too often",
  usage_refused: "the provider refused to say",
  usage_unavailable: "the provider failed",
  usage_unreachable: "no answer",
  usage_answer_unusable: "no usable answer",
};

function ageText(report: UsageReport, { nowMs }: ScreenOptions): string {
  const { fetchedAt, metadata = {} } = report;
  const code = textIn(metadata, "lastError");
  const reason = code === "" ? "" : (REASONS[code] ?? "it did not work");
  const ageMs = nowMs - fetchedAt;
  const isOld = report.limits.length > 0 && ageMs >= OLD_REPORT_MS;
  const age = isOld ? `${spanText(ageMs)} old` : "";
  return [age, reason].filter((text) => text !== "").join(": ");
}

function textIn(metadata: Readonly<Record<string, unknown>>, key: string): string {
  const value = metadata[key];
  return typeof value === "string" ? printable(value) : "";
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

function paint(style: keyof typeof CODES, text: string, { isColorful }: ScreenOptions): string {
  return isColorful && text !== "" ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

function cut(text: string, columns: number): string {
  const clean = printable(text);
  if (widthOf(clean) <= columns) return clean;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(clean)) {
    if (widthOf(kept + segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
