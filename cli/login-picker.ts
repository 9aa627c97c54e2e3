// The ways to get a credential, numbered, and the one that the person picks. What a provider forbids is shown
// with its reason and has no number.

import { loginRefusal, type ProviderRegistry, type RegisteredProvider } from "#broker";
import { CliError, EXIT_CODES } from "./cli-error.ts";
import { columns } from "./table.ts";
import { askLine, canAsk } from "./terminal.ts";

/** One way to get a credential of a provider. */
export interface LoginChoice {
  readonly provider: RegisteredProvider;
  readonly way: "login" | "api_key";
}

interface Line extends LoginChoice {
  /** Why it cannot be picked. */
  readonly problem: string | undefined;
}

/** What the person picks. Throws CliError `provider_required` where nobody can be asked. */
export async function pickLogin(
  registry: ProviderRegistry,
  show: (text: string) => void,
): Promise<LoginChoice> {
  const lines = registry.all().flatMap(linesOf);
  const choices = lines.filter(({ problem }) => problem === undefined);
  if (!canAsk()) {
    const ids = [...new Set(choices.map(({ provider }) => provider.descriptor.id))].join(", ");
    throw new CliError("provider_required", "which provider? There is nobody to ask here", {
      exitCode: EXIT_CODES.usage,
      hint: `Name one: agent auth-broker login <provider>, one of ${ids}`,
    });
  }
  show(`${listing(lines, choices)}\n`);
  return choices[(await pickNumber(choices.length)) - 1] ?? pickLogin(registry, show);
}

/** A number from 1 to `count`; asks again until it is one. */
export async function pickNumber(count: number): Promise<number> {
  for (;;) {
    const text = await askLine(`Number (1-${count}): `);
    if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= count) return Number(text);
  }
}

function linesOf(provider: RegisteredProvider): Line[] {
  const { oauth, apiKey } = provider.descriptor;
  const refusal = loginRefusal(provider);
  return [
    ...(oauth ? [{ provider, way: "login" as const, problem: refusal?.message }] : []),
    ...(apiKey ? [{ provider, way: "api_key" as const, problem: undefined }] : []),
  ];
}

function listing(lines: readonly Line[], choices: readonly Line[]): string {
  const rows = lines.map((line) => {
    const { provider, way, problem } = line;
    const number = problem === undefined ? `${choices.indexOf(line) + 1}` : "-";
    const { id, name } = provider.descriptor;
    return [number.padStart(3), id, way === "login" ? name : `${name}, with an API key`];
  });
  const [...texts] = columns(rows).trimEnd().split("\n");
  return lines
    .map(({ problem }, at) => `${texts[at]}\n${problem === undefined ? "" : `       ${problem}\n`}`)
    .join("");
}
