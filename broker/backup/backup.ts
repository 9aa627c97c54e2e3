// Copies a whole vault into one encrypted file, consistent while a broker writes to it.
// Refuses to write over a file that is there. The copy is sealed under a key of its own, which travels in the
// encrypted file: a restored vault does not depend on the master key of the host it came from.

import { randomBytes } from "node:crypto";
import { createPrivateFile, openDatabaseImage, type Secret } from "#platform";
import { rekey } from "../vault/rekey.ts";
import { MASTER_KEY_BYTES } from "../vault/seal.ts";
import type { Vault } from "../vault/vault.ts";
import type { VaultFile } from "../vault/vault-file.ts";
import { sealBackup } from "./backup-file.ts";

/** What a backup is sealed by: the vault's master key when no passphrase is given. */
export interface BackupOptions {
  readonly passphrase?: Secret | undefined;
  readonly nowMs?: number;
}

/** Writes the backup, 0600; returns its size in bytes. Throws PrivateFileError `already_exists`. */
export function backUp(
  { file }: Vault,
  path: string,
  { passphrase, nowMs = Date.now() }: BackupOptions = {},
): number {
  const key = passphrase ? { passphrase } : { vaultKey: file.seal.backupKey() };
  const sealed = sealBackup(portableCopy(file), key, nowMs);
  createPrivateFile(path, sealed);
  return sealed.length;
}

/** A key, and the vault's image sealed under it. */
function portableCopy(file: VaultFile): Uint8Array {
  const key = randomBytes(MASTER_KEY_BYTES);
  const image = openDatabaseImage(file.database.serialize());
  try {
    rekey(file.sibling(image), { key });
    image.exec("VACUUM");
    return Buffer.concat([key, image.serialize()]);
  } finally {
    image.close();
  }
}
