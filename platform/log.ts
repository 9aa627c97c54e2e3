// Structured logs: one JSON line per event, or a readable line on a terminal. Every message, field
// and error is redacted before it is serialised. Refuses to throw into the code that logs.

import pino from "pino";
import { toLoggable, toLoggableText } from "./log-value.ts";

/** Named values of one log line; anything goes, it is bounded and redacted. */
export type LogFields = Readonly<Record<string, unknown>>;

/** From chatty to quiet; `silent` writes nothing. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Writes events at four levels; a child adds its fields to every line. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields & { readonly error?: unknown }): void;
  child(fields: LogFields): Logger;
}

// The line's own keys, where a field of the same name would make a second, contradicting one,
// and the names that pino does not print as fields of a child.
const RESERVED_KEYS = ["level", "time", "message", "serializers", "formatters", "customLevels"];

/** A logger to standard error (or `write`, called with one line including its newline), synchronous. */
export function createLogger({
  level = "info",
  isPretty = false,
  write,
  nowMs = Date.now,
}: {
  level?: LogLevel;
  isPretty?: boolean;
  write?: (line: string) => void;
  nowMs?: () => number;
}): Logger {
  const sink = write ?? standardError();
  const root = pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date(nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: isPretty ? (line: string) => sink(prettyLine(line)) : sink },
  );
  return wrap(root);
}

function wrap(target: pino.Logger): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}): void => {
      if (!target.isLevelEnabled(level)) return;
      target[level](printable(fields), toLoggableText(message));
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(target.child(printable(fields))),
  };
}

function printable(fields: LogFields): Record<string, unknown> {
  const safe = { ...toLoggable(fields) };
  for (const key of RESERVED_KEYS) {
    const value = safe[key];
    if (value === undefined) continue;
    delete safe[key];
    safe[`field.${key}`] = value;
  }
  return safe;
}

function standardError(): (line: string) => void {
  const destination = pino.destination({ dest: 2, sync: true });
  // Nobody is left to tell that standard error is closed.
  destination.on("error", () => {});
  return (line) => void destination.write(line);
}

/** `12:30:01.250 WARN  message  key=value`; control characters stay escaped, so a value cannot drive the terminal. */
function prettyLine(line: string): string {
  const { level, time, message, ...fields }: Record<string, unknown> = JSON.parse(line);
  const clock = String(time).slice(11, 23);
  const shown = Object.entries(fields).map(([key, value]) => `  ${bare(key)}=${shownValue(value)}`);
  const head = `${clock} ${String(level).toUpperCase().padEnd(5)} ${bare(String(message))}`;
  return `${head}${shown.join("")}\n`;
}

function shownValue(value: unknown): string {
  if (typeof value !== "string") return bare(JSON.stringify(value));
  return /^[\w./:@[\]+-]+$/.test(value) ? value : bare(JSON.stringify(value));
}

function bare(text: string): string {
  // Control characters, and the marks that break or reorder lines.
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
