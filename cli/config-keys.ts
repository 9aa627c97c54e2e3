// Every configuration key of the product, gathered from the parts that define them, plus the two that belong
// to no part: how logs look.

import { z } from "zod";
import { brokerKeys } from "#broker";
import { gatewayKeys } from "#gateway";
import { defineKey, type AnyConfigKey, type LogLevel } from "#platform";

/** How much is logged. */
export const logLevel = defineKey<LogLevel>({
  name: "log.level",
  schema: z.enum(["debug", "info", "warn", "error", "silent"]),
  default: "info",
  env: "PARLEY_LOG_LEVEL",
  flag: "--log-level",
  placeholder: "<level>",
  project: "chosen",
  doc: "Least severe log line that is written: debug, info, warn, error or silent.",
});

/** How log lines look. */
export const logFormat = defineKey({
  name: "log.format",
  schema: z.enum(["auto", "pretty", "json"]),
  default: "auto",
  env: "PARLEY_LOG_FORMAT",
  project: "chosen",
  doc: "Log lines as pretty text or JSON; auto is pretty on a terminal.",
});

/** All keys, in the order of the reference page. */
export const configKeys: readonly AnyConfigKey[] = [
  ...gatewayKeys,
  ...brokerKeys,
  logLevel,
  logFormat,
];
