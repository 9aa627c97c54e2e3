// Puts a backup in the place of a vault. What is there is moved aside, never deleted, and the restored vault is
// in quarantine: what it holds may be old, and using an old refresh token makes the provider revoke the live one.
// Refuses to touch anything before the whole backup was opened, checked, and sealed under this host's key.

import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { emptyLog, openDatabase, type Secret, writeDatabase, writePrivateFile } from "#platform";
import { BrokerError } from "../errors.ts";
import type { MasterKeySource } from "../vault/master-key.ts";
import { rekey } from "../vault/rekey.ts";
import { MASTER_KEY_BYTES, Seal } from "../vault/seal.ts";
import { Vault } from "../vault/vault.ts";
import { VaultFile, vaultPath } from "../vault/vault-file.ts";
import { VAULT_MIGRATIONS } from "../vault/vault-schema.ts";
import { type BackupKey, MAX_BACKUP_BYTES, openBackup, readBackupHeader } from "./backup-file.ts";

/** How a vault is restored. */
export interface RestoreOptions {
  readonly home: string;
  /** The key that seals the restored vault; of an empty home, it is made. */
  readonly masterKey: MasterKeySource;
  /** Asked for only when the backup was sealed by one. */
  readonly passphrase: () => Promise<Secret>;
  /** Move an existing vault aside instead of refusing. */
  readonly replace?: boolean;
  readonly nowMs?: () => number;
}

/** What was restored. */
export interface Restored {
  readonly credentials: number;
  /** When the backup was made, in ms since the epoch. */
  readonly createdAtMs: number;
  /** Where the vault that was there is now. */
  readonly movedTo: string | null;
}

/** Restores. Throws BrokerError `backup_unreadable`, `vault_exists`, MasterKeyError, DatabaseError. */
export async function restore(path: string, options: RestoreOptions): Promise<Restored> {
  const { home, masterKey, replace = false, nowMs = Date.now } = options;
  const target = vaultPath(home);
  if (existsSync(target) && !replace) throw vaultExists(target);
  const backup = readBackup(path);
  const { createdAtMs } = readBackupHeader(backup);
  const content = openBackup(backup, await backupKey(backup, options));
  const prepared = `${target}.restoring`;
  removeDatabase(prepared);
  writePrivateFile(prepared, content.subarray(MASTER_KEY_BYTES));
  const credentials = adopt(prepared, content.subarray(0, MASTER_KEY_BYTES), { masterKey, nowMs });
  const movedTo = existsSync(target) ? keepAside(target, nowMs()) : null;
  refuseLog(target);
  renameSync(prepared, target);
  syncDirectory(home);
  return { credentials, createdAtMs, movedTo };
}

/** Checks the prepared file whole, seals it under this host's key, and puts it in quarantine. */
function adopt(
  path: string,
  key: Uint8Array,
  { masterKey, nowMs }: { masterKey: MasterKeySource; nowMs: () => number },
): number {
  const database = openDatabase(path, { migrations: VAULT_MIGRATIONS, synchronous: "FULL" });
  const file = VaultFile.over(database, { name: "the backup's key", read: () => key });
  const vault = Vault.over(file, { nowMs });
  try {
    rekey(file, { key: masterKey.read({ mayCreate: true }) });
    // Exchanges that were under way when the copy was made are none of this vault's any more.
    writeDatabase(database, () => database.exec("DELETE FROM refresh_attempts"));
    vault.quarantine();
    vault.startOver();
    // Closing does this too, but tells nobody when the disk fails; and only the file itself is moved into place.
    emptyLog(database);
    return vault.list().filter(({ disabledAtMs }) => disabledAtMs === null).length;
  } finally {
    vault.close();
  }
}

function readBackup(path: string): Uint8Array {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new BrokerError("backup_unreadable", `${path}: there is no such file`);
  }
  if (size <= MAX_BACKUP_BYTES) return readFileSync(path);
  throw new BrokerError("backup_unreadable", `${path} is larger than any backup`);
}

async function backupKey(backup: Uint8Array, options: RestoreOptions): Promise<BackupKey> {
  if (readBackupHeader(backup).sealedBy === "passphrase") {
    return { passphrase: await options.passphrase() };
  }
  return { vaultKey: new Seal(options.masterKey.read({ mayCreate: false })).backupKey() };
}

/** Gives the vault that is there a second name; the rename that follows then replaces it in one step. */
function keepAside(path: string, nowMs: number): string {
  const aside = `${path}.replaced-${new Date(nowMs).toISOString().replace(/\W/g, "")}`;
  foldLog(path);
  refuseLog(path);
  linkSync(path, aside);
  return aside;
}

function foldLog(path: string): void {
  try {
    openDatabase(path, { migrations: VAULT_MIGRATIONS, synchronous: "FULL" }).close();
  } catch {
    // Damaged, which may be why it is replaced.
  }
}

// A log or journal left beside the new file would be taken for its own.
function refuseLog(path: string): void {
  if (!existsSync(`${path}-wal`) && !existsSync(`${path}-journal`)) return;
  throw new BrokerError("vault_in_use", `${path} is open in another process, or damaged`, {
    fix: "Stop the broker first; of a damaged vault, move vault.db, vault.db-wal and vault.db-shm away by hand.",
  });
}

function removeDatabase(path: string): void {
  // A journal left by a restore that was killed would be rolled back into the new file.
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function vaultExists(path: string): BrokerError {
  return new BrokerError("vault_exists", `${path} is there already`, {
    fix: "Repeat with --replace to move it aside first; it is kept.",
  });
}
