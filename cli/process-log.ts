// The logger of a running server: configuration in, lines on stderr. stdout stays the command's own.

import {
  bufferLines,
  createLogger,
  writeStderrSync,
  type Config,
  type Logger,
  type LogLevel,
} from "#platform";
import { logFormat, logLevel } from "./config-keys.ts";
import type { CommandContext } from "./command.ts";

/** How the lines of a server look, and what takes them. */
export interface ProcessLogStyle {
  readonly level: LogLevel;
  readonly isPretty: boolean;
  readonly write: (lines: string) => void;
}

/** What `log.level` and `log.format` ask for. */
export function processLogStyle(config: Config, context: CommandContext): ProcessLogStyle {
  const format = config.get(logFormat);
  return {
    level: config.get(logLevel),
    isPretty: format === "pretty" || (format === "auto" && context.isTty),
    write: bufferLines(context.stderr, { writeLast: writeStderrSync }),
  };
}

/** Builds the logger that they ask for. */
export function openProcessLog(config: Config, context: CommandContext): Logger {
  return createLogger(processLogStyle(config, context));
}
