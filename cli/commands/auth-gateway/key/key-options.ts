// The rules of a new key as a command line says them. Refuses what it cannot read, and names the option.

import { KeyRules, type NewVirtualKey } from "#gateway";
import { CliError, EXIT_CODES } from "../../../cli-error.ts";
import { parseDuration } from "../../../duration.ts";

/** What `key create` was given. */
export interface KeyOptions {
  readonly name: string;
  readonly owner: string;
  readonly models: string;
  readonly denyModels?: string;
  readonly providers: string;
  readonly formats?: string;
  readonly rpm?: string;
  readonly tpm?: string;
  readonly rpd?: string;
  readonly streams?: string;
  readonly budget?: string;
  readonly strict?: boolean;
  readonly transparent?: string;
  readonly credentials?: string;
  readonly from?: string;
  readonly expires?: string;
}

const NANO_PER_USD = 1_000_000_000;

/** The key to be made. Throws CliError. */
export function newKey(options: KeyOptions, nowMs: number): NewVirtualKey {
  const { name, owner, from, expires } = options;
  return {
    name,
    owner,
    rules: rulesOf(options),
    validFromMs: from === undefined ? null : nowMs + parseDuration(from, "--from"),
    validUntilMs: expires === undefined ? null : nowMs + parseDuration(expires, "--expires"),
  };
}

function rulesOf(options: KeyOptions): KeyRules {
  const { models, denyModels, providers, formats, credentials, budget } = options;
  const wanted = {
    models: { allow: list(models), deny: denyModels === undefined ? [] : list(denyModels) },
    providers: list(providers),
    formats: formats === undefined ? null : list(formats),
    requestsPerMinute: whole(options.rpm, "--rpm"),
    tokensPerMinute: whole(options.tpm, "--tpm"),
    requestsPerDay: whole(options.rpd, "--rpd"),
    concurrentStreams: whole(options.streams, "--streams"),
    strict: options.strict ?? false,
    transparent: options.transparent === undefined ? [] : list(options.transparent),
    budgets: budget === undefined ? {} : budgets(budget),
    credentials:
      credentials === undefined ? null : list(credentials).map((id) => whole(id, "--credentials")),
  };
  const rules = KeyRules.safeParse(wanted);
  if (rules.success) return rules.data;
  const [issue] = rules.error.issues;
  throw wrong(`${issue?.path.join(".")}: ${issue?.message}`);
}

function list(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

function whole(text: string | undefined, option: string): number | null {
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text);
  throw wrong(`${option} takes a whole number above 0`);
}

/** `day=5,month=50.25`, in dollars. */
function budgets(text: string): Record<string, number> {
  return Object.fromEntries(
    list(text).map((item) => {
      const [, window, usd] = /^(total|day|week|month)=(\d{1,7}(?:\.\d{1,9})?)$/.exec(item) ?? [];
      if (window === undefined || usd === undefined) {
        throw wrong("--budget takes windows with dollars, such as day=5,month=50.25 or total=100");
      }
      return [window, nanoUsd(usd)];
    }),
  );
}

// Digit by digit: a dollar amount as a floating-point number is not always the one that was typed.
function nanoUsd(usd: string): number {
  const [dollars = "0", fraction = ""] = usd.split(".");
  return Number(dollars) * NANO_PER_USD + Number(fraction.padEnd(9, "0"));
}

function wrong(message: string): CliError {
  return new CliError("key_options_invalid", message, { exitCode: EXIT_CODES.usage });
}
