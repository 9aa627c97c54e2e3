// Records in the audit log what a person does to the vault at this host.

import { type AuditEvent, AuditLog, type Vault } from "#broker";
import { homeDirectory } from "#platform";
import type { CommandContext } from "./command.ts";

/** Records one event, durably. Throws AuditUnavailable, AuditBroken, DatabaseError. */
export async function recordLocally(
  { env }: CommandContext,
  vault: Vault,
  event: Omit<AuditEvent, "actor">,
): Promise<void> {
  const log = AuditLog.open(homeDirectory(env), { index: vault.file.index });
  try {
    await log.record({ ...event, actor: localActor() });
  } finally {
    log.close();
  }
}

// The number that the system vouches for; a name would come from the environment, which says what its owner likes.
function localActor(): string {
  return `cli:uid-${process.getuid?.() ?? "unknown"}`;
}
