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

/**
 * The same for what must not depend on the log, because it protects, or is done already: when it cannot be recorded,
 * that is said on stderr.
 */
export async function recordOrWarn(
  context: CommandContext,
  vault: Vault,
  event: Omit<AuditEvent, "actor">,
): Promise<void> {
  try {
    await recordLocally(context, vault, event);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.stderr(`This is not in the audit log: ${reason}\n`);
  }
}

// The number that the system vouches for; a name would come from the environment, which says what its owner likes.
function localActor(): string {
  return `cli:uid-${process.getuid?.() ?? "unknown"}`;
}
