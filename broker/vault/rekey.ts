// Moves a vault to another master key: every data key is sealed again, in one transaction, or none is.
// Refuses to leave a moment in which no key at hand opens the vault: the next key is durable before it is used, and
// key files change under the vault's write lock only, so that of two rekeys at once neither loses the other's key.

import { emptyLog, writeDatabase } from "#platform";
import type { NextKey } from "./master-key.ts";
import { Seal } from "./seal.ts";
import { credentialPlace } from "./credential-table.ts";
import type { VaultFile } from "./vault-file.ts";

/** Seals the vault under another key; returns how many credentials it holds. Throws SealBroken, and then changes nothing. */
export function rekey(file: VaultFile, { key, keep, adopt }: NextKey): number {
  const { database } = file;
  const next = new Seal(key);
  const count = writeDatabase(database, () => {
    file.adoptPendingKey();
    keep?.();
    return rewrapAll(file, next);
  });
  writeDatabase(database, () => {
    if (file.isSealedBy(next)) adopt?.();
  });
  forgetOldKeys(file);
  return count;
}

function forgetOldKeys({ database }: VaultFile): void {
  try {
    emptyLog(database);
  } catch {
    // The vault has moved; what the old key still opens in the log goes with the next checkpoint.
  }
}

interface SealedRow {
  readonly id: number;
  readonly sealed: Uint8Array;
}

function rewrapAll(file: VaultFile, next: Seal): number {
  const { database, seal } = file;
  const rows = database
    .prepare<[], SealedRow>("SELECT id, sealed FROM credentials WHERE sealed IS NOT NULL")
    .all();
  const update = database.prepare("UPDATE credentials SET sealed = ? WHERE id = ?");
  for (const { id, sealed } of rows) update.run(seal.rewrap(sealed, credentialPlace(id), next), id);
  file.adoptSeal(next);
  return rows.length;
}
