// `agent auth-gateway key list`: the keys of this host's gateway, without the secrets.

import type { VirtualKey } from "#gateway";
import type { Subcommand } from "../../../command.ts";
import { columns, shortTime } from "../../../table.ts";
import { withKeys } from "./with-keys.ts";

const NONE = `There is no key but the gateway's own. To make one:
  agent auth-gateway key create --name ci --models 'claude-*' --budget day=5 --expires 90d
`;

/** `agent auth-gateway key list`. */
export const listKeysSubcommand: Subcommand = {
  register(command, context) {
    command.option("--json", "print JSON").action(({ json }: { json?: boolean }) =>
      withKeys(context, (keys) => {
        const all = keys.list();
        if (json) return context.stdout(`${JSON.stringify(all)}\n`);
        context.stdout(all.length === 0 ? NONE : keysTable(all));
      }),
    );
  },
};

function keysTable(keys: readonly VirtualKey[]): string {
  const rows = keys.map(({ name, id, owner, status, rules, validUntilMs }) => [
    name,
    id,
    owner || "-",
    status,
    rules.models.allow.join(","),
    validUntilMs === null ? "never" : shortTime(validUntilMs),
  ]);
  return columns([["NAME", "ID", "OWNER", "STATUS", "MODELS", "EXPIRES"], ...rows]);
}
