// The logger of a running server: configuration in, lines on stderr. stdout stays the command's own.

import { bufferLines, createLogger, writeStderrSync, type Config, type Logger } from "#platform";
import { logFormat, logLevel } from "./config-keys.ts";
import type { CommandContext } from "./command.ts";

/** Builds the logger that `log.level` and `log.format` ask for. */
export function openProcessLog(config: Config, context: CommandContext): Logger {
  const format = config.get(logFormat);
  return createLogger({
    level: config.get(logLevel),
    isPretty: format === "pretty" || (format === "auto" && context.isTty),
    write: bufferLines(context.stderr, { writeLast: writeStderrSync }),
  });
}
