// `agent auth-gateway key show NAME`: what a key may do.

import type { VirtualKey } from "#gateway";
import type { Subcommand } from "../../../command.ts";
import { columns, shortTime } from "../../../table.ts";
import { withKeys } from "./with-keys.ts";

const NANO_PER_USD = 1_000_000_000;

/** `agent auth-gateway key show`. */
export const showKeySubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<name>", "name or id")
      .option("--json", "print JSON")
      .action((name: string, { json }: { json?: boolean }) =>
        withKeys(context, (keys) => {
          const key = keys.show(name);
          context.stdout(json ? `${JSON.stringify(key)}\n` : keyScreen(key));
        }),
      );
  },
};

function keyScreen({ name, id, owner, status, rules, ...key }: VirtualKey): string {
  const { models, providers, formats, budgets, credentials } = rules;
  const deny = models.deny.length > 0 ? `, never ${models.deny.join(",")}` : "";
  return columns([
    ["name", name],
    ["id", id],
    ["owner", owner || "-"],
    ["status", status],
    ["created", shortTime(key.createdAtMs)],
    ["valid", `${time(key.validFromMs, "now")} to ${time(key.validUntilMs, "revoked")}`],
    ["models", models.allow.join(",") + deny],
    ["providers", providers.join(",")],
    ["formats", formats?.join(",") ?? "all"],
    ["strict", rules.strict ? "yes, nothing of a request may be lost" : "no"],
    ["transparent to", rules.transparent.join(",") || "none"],
    ["accounts", credentials?.join(",") ?? "all"],
    ["requests per minute", limit(rules.requestsPerMinute)],
    ["tokens per minute", limit(rules.tokensPerMinute)],
    ["requests per day", limit(rules.requestsPerDay)],
    ["streams", limit(rules.concurrentStreams)],
    ...Object.entries(budgets).map(([window, nano]) => [
      `budget, ${window}`,
      nano === null ? "no limit" : `$${nano / NANO_PER_USD}`,
    ]),
  ]);
}

function time(atMs: number | null, none: string): string {
  return atMs === null ? none : shortTime(atMs);
}

function limit(value: number | null): string {
  return value === null ? "no limit" : String(value);
}
