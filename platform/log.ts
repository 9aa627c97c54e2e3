// Structured logs: one JSON line per event, or a readable line on a terminal. Every message, field
// and error is redacted before it is serialised. Refuses to throw into the code that logs.

import { toLoggable, toLoggableText } from "./log-value.ts";
import { standardErrorWriter } from "./log-writer.ts";

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

// The line's own keys, where a field of the same name would make a second, contradicting one.
const RESERVED_KEYS = ["level", "time", "message"];

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const satisfies readonly LogLevel[];

/** A logger to standard error (or `write`, called with one line including its newline). */
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
  const print = isPretty
    ? (line: string, ofLevel: LogLevel) => sink(prettyLine(line), ofLevel)
    : sink;
  return loggerOf({ print, lowest: LEVELS.indexOf(level), nowMs, bound: "" });
}

type Sink = (line: string, level: LogLevel) => void;

interface LoggerParts {
  readonly print: Sink;
  /** Index in LEVELS. */
  readonly lowest: number;
  readonly nowMs: () => number;
  /** Fields of every line, as the inside of a JSON object. */
  readonly bound: string;
}

function loggerOf(parts: LoggerParts): Logger {
  const { print, lowest, nowMs, bound } = parts;
  const at = (level: "debug" | "info" | "warn" | "error") => {
    if (LEVELS.indexOf(level) < lowest) return () => {};
    return (message: string, fields: LogFields = {}): void => {
      const time = new Date(nowMs()).toISOString();
      const own = joined(bound, printable(fields));
      const text = JSON.stringify(toLoggableText(message));
      print(`{"level":"${level}","time":"${time}",${own}"message":${text}}\n`, level);
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => loggerOf({ ...parts, bound: joined(bound, printable(fields)) }),
  };
}

/** Appends fields, as the inside of a JSON object that ends with a comma. */
function joined(before: string, fields: Record<string, unknown>): string {
  const inside = JSON.stringify(fields).slice(1, -1);
  return inside === "" ? before : `${before}${inside},`;
}

function printable(fields: LogFields): Record<string, unknown> {
  const safe: Record<string, unknown> = toLoggable(fields);
  for (const key of RESERVED_KEYS) {
    const value = safe[key];
    if (value === undefined) continue;
    delete safe[key];
    safe[`field.${key}`] = value;
  }
  return safe;
}

function standardError(): Sink {
  const lines = standardErrorWriter();
  return (line, level) => lines.write(line, { isUrgent: level === "error" });
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
