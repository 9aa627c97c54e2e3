// `agent auth-broker list`: every provider, how to log in, and what the vault of this host holds of it.
// Shows no secret, and asks nobody: what a remote broker holds is that broker's to list.

import { authBrokerUrl, type ListedCredential, type ListedProvider, listProviders } from "#broker";
import type { Config } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { Subcommand } from "../../command.ts";
import { columns, shortTime } from "../../table.ts";

/** Widest line, in characters; longer ones are cut, and whole in `--json`. */
const MAX_LINE_CHARS = 80;
/** Longest provider name in the table, in characters. */
const MAX_NAME_CHARS = 22;
/** Longest identity in the table, in characters. */
const MAX_IDENTITY_CHARS = 30;

/** `agent auth-broker list`. */
export const listSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print JSON")
      .action(({ json, config: file }: { json?: boolean; config?: string }) =>
        withBrokerErrors(async () => {
          const config = context.loadConfig({}, file);
          const providers = await listProviders(config, context.env);
          if (json) return context.stdout(`${JSON.stringify(providers)}\n`);
          context.stdout(providersTable(providers, { nowMs: Date.now() }));
          context.stderr(hints(providers, config));
        }),
      );
  },
};

function hints(providers: readonly ListedProvider[], config: Config): string {
  const isOffered = providers.some(({ offeredBy }) => offeredBy !== null);
  const isEmpty = !isOffered && providers.every(({ credentials }) => credentials.length === 0);
  const remote = config.get(authBrokerUrl);
  const found = [
    isEmpty ? NOTHING_STORED : "",
    isOffered ? OFFERED_HINT : "",
    remote === "" ? "" : remoteHint(remote),
  ];
  return found.map((hint) => hint && `\n${hint}`).join("");
}

function remoteHint(url: string): string {
  return `This is the vault of this host. auth.broker.url is set, so a gateway here asks ${url} instead;\n\`agent auth-broker status\` says whether that broker answers.\n`;
}

const NOTHING_STORED = `No credentials yet. Ways to add one:

  1. For one run, never stored: set the provider's variable, then start.
       ANTHROPIC_API_KEY=... agent up

  2. From another program's credential files (--dry-run shows what would happen):
       agent auth-broker import <file|dir>

  3. By logging in, or typing a key that is not shown:
       agent auth-broker login
`;

const OFFERED_HINT =
  "Keys marked `offered` are used by `agent up` where the vault has none; they are not in the vault.\n";

/** A line for each provider, and beneath it those of its credentials. */
function providersTable(
  providers: readonly ListedProvider[],
  { nowMs }: { nowMs: number },
): string {
  const known = providers.filter(({ origin }) => origin !== "unknown");
  const [title = "", ...lines] = linesOf([
    ["PROVIDER", "NAME", "LOGIN", "POLICY"],
    ...known.map(cells),
  ]);
  const rows = providers.flatMap((provider) => credentialRows(provider, nowMs));
  const rowLines = linesOf(rows.map((row) => row.cells));
  const table = providers.flatMap((provider) => [
    provider.origin === "unknown"
      ? `${provider.id}  (no such provider here)`
      : (lines.shift() ?? ""),
    ...rows
      .filter((row) => row.provider === provider)
      .flatMap(({ because }) => [
        `  ${rowLines.shift() ?? ""}`,
        ...(because === null ? [] : [`             because: ${because}`]),
      ]),
  ]);
  return [title, ...table].map((line) => `${cut(line, MAX_LINE_CHARS)}\n`).join("");
}

function linesOf(rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : columns(rows).trimEnd().split("\n");
}

function cells(provider: ListedProvider): string[] {
  return [
    provider.id,
    cut(provider.name, MAX_NAME_CHARS),
    loginText(provider),
    policyText(provider),
  ];
}

const LOGIN_WORDS = { api_key: "api key", browser: "browser", device: "device", key: "browser" };

function loginText({ login, callbackPort }: ListedProvider): string {
  const ways = login.map((way) => LOGIN_WORDS[way]).join(", ");
  return callbackPort === null || callbackPort === 0 ? ways : `${ways} :${callbackPort}`;
}

function policyText({ origin, policy }: ListedProvider): string {
  if (origin === "unknown") return "unknown";
  if (origin === "operator") return "yours";
  if (origin === "operator-client") return "own app, set";
  if (policy === null) return "";
  return policy.status === "own-app-required" ? "own app" : policy.status;
}

interface CredentialRow {
  readonly provider: ListedProvider;
  readonly cells: readonly string[];
  /** Why it is disabled, for a line of its own. */
  readonly because: string | null;
}

function credentialRows(provider: ListedProvider, nowMs: number): CredentialRow[] {
  const stored = provider.credentials.map((credential) => ({
    provider,
    cells: [
      `${credential.id}`,
      credential.type,
      cut(credential.identityKey ?? "-", MAX_IDENTITY_CHARS),
      stateText(credential, nowMs),
    ],
    because: credential.disabledCause,
  }));
  if (provider.offeredBy === null) return stored;
  const offered = ["-", "api_key", `$${provider.offeredBy}`, "offered"];
  return [...stored, { provider, cells: offered, because: null }];
}

function stateText({ disabledAtMs, expiresAtMs }: ListedCredential, nowMs: number): string {
  if (disabledAtMs !== null) {
    return `disabled ${shortTime(disabledAtMs)}`;
  }
  if (expiresAtMs === null) return "active";
  const leftMs = expiresAtMs - nowMs;
  return leftMs > 0 ? `active, expires in ${durationText(leftMs)}` : "active, access expired";
}

const MINUTE_MS = 60_000;

function durationText(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.ceil(ms / 1000)} s`;
  if (ms < 120 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  const hours = ms / (60 * MINUTE_MS);
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}

// What a provider called an account is shown to a terminal: control characters must not reach it.
function cut(text: string, maxChars: number): string {
  const printable = text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return printable.length <= maxChars ? printable : `${printable.slice(0, maxChars - 1)}…`;
}
