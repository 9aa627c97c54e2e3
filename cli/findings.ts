// Findings as a person or a script reads them, and the exit code they mean.

import type { Finding } from "#broker";
import { VERSION } from "#platform";
import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";

const MARKS = { ok: "ok  ", warning: "warn", failed: "FAIL" } as const;

/** Prints findings. Throws CliError `unhealthy` when one of them failed. */
export function reportFindings(
  findings: readonly Finding[],
  { stdout }: CommandContext,
  { json = false }: { json?: boolean | undefined } = {},
): void {
  if (json) stdout(`${JSON.stringify({ version: VERSION, checks: findings }, null, 2)}\n`);
  else stdout(findings.map(line).join(""));
  const failed = findings.filter(({ status }) => status === "failed").length;
  if (failed === 0) return;
  throw new CliError("unhealthy", `${failed} of ${findings.length} checks failed.`);
}

function line({ name, status, detail, fix }: Finding): string {
  const advice = fix ? `      ${"".padEnd(14)} → ${fix}\n` : "";
  return `${MARKS[status]}  ${name.padEnd(14)} ${detail}\n${advice}`;
}
