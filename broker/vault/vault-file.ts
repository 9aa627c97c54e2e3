// vault.db opened with the key that belongs to it: what every store of the broker's state stands on.
// Refuses another key, a file without its key check, and rows where a check should be.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, ensurePrivateDirectory, openDatabase } from "#platform";
import { MasterKeyError, SealBroken } from "../errors.ts";
import { homeMasterKey, type MasterKeySource } from "./master-key.ts";
import { IndexKey, Seal, type SealPlace } from "./seal.ts";
import { VAULT_MIGRATIONS } from "./vault-schema.ts";

const KEY_CHECK = "parley vault";
const KEY_CHECK_PLACE: SealPlace = { table: "meta", rowId: 1, column: "key_check" };
const INDEX_KEY_PLACE: SealPlace = { table: "meta", rowId: 1, column: "index_key" };

interface MetaRow {
  readonly keyCheck: Uint8Array;
  readonly indexKey: Uint8Array | null;
}

/** The open file: its tables, the seal of its values and its keyed hashes. */
export interface VaultFile {
  readonly database: Database;
  readonly seal: Seal;
  readonly index: IndexKey;
}

/** Where the vault of a home directory is. */
export function vaultPath(home: string): string {
  return join(home, "vault.db");
}

/**
 * Opens the vault file of a home directory, making key and file on first use.
 * Throws MasterKeyError for a lost or wrong key, SealBroken for altered keys, DatabaseError for the file.
 */
export function openVaultFile(
  home: string,
  { masterKey = homeMasterKey(home) }: { masterKey?: MasterKeySource | undefined } = {},
): VaultFile {
  ensurePrivateDirectory(home);
  const path = vaultPath(home);
  const seal = new Seal(masterKey.read({ mayCreate: !existsSync(path) }));
  // FULL: in WAL mode NORMAL loses acknowledged commits at a power failure.
  const database = openDatabase(path, { migrations: VAULT_MIGRATIONS, synchronous: "FULL" });
  try {
    const index = database.transaction(() => unlock(database, seal, masterKey.name)).immediate();
    return { database, seal, index };
  } catch (error) {
    database.close();
    throw error;
  }
}

function unlock(database: Database, seal: Seal, keyName: string): IndexKey {
  const meta = readMeta(database);
  if (meta) {
    assertOwnKey(seal, meta.keyCheck, keyName);
    return new IndexKey(readIndexKey(database, seal, meta));
  }
  // Rows without their key check are not a new vault; sealing a new one would hide that.
  if (database.prepare("SELECT 1 FROM credentials LIMIT 1").get()) throw new SealBroken("meta");
  const indexKey = seal.defaultIndexKey();
  database
    .prepare("INSERT INTO meta (id, generation, key_check, index_key) VALUES (1, 1, ?, ?)")
    .run(seal.seal(KEY_CHECK, KEY_CHECK_PLACE), sealIndexKey(seal, indexKey));
  return new IndexKey(indexKey);
}

function readMeta(database: Database): MetaRow | undefined {
  return database
    .prepare<[], MetaRow>("SELECT key_check AS keyCheck, index_key AS indexKey FROM meta")
    .get();
}

// A vault from before the column existed fingerprinted under the derived key; from here on it is stored.
function readIndexKey(database: Database, seal: Seal, { indexKey }: MetaRow): Uint8Array {
  if (indexKey) return Buffer.from(seal.open(indexKey, INDEX_KEY_PLACE), "base64url");
  const derived = seal.defaultIndexKey();
  database.prepare("UPDATE meta SET index_key = ?").run(sealIndexKey(seal, derived));
  return derived;
}

function sealIndexKey(seal: Seal, key: Uint8Array): Uint8Array {
  return seal.seal(Buffer.from(key).toString("base64url"), INDEX_KEY_PLACE);
}

function assertOwnKey(seal: Seal, sealed: Uint8Array, keyName: string): void {
  try {
    if (seal.open(sealed, KEY_CHECK_PLACE) === KEY_CHECK) return;
  } catch (cause) {
    throw wrongKey(keyName, cause);
  }
  throw wrongKey(keyName);
}

function wrongKey(keyName: string, cause?: unknown): MasterKeyError {
  return new MasterKeyError(
    "vault_wrong_key",
    `${keyName} is not the key that sealed vault.db (or the file's key check was altered)`,
    {
      fix: "Restore the two from one backup, or move both away to start with an empty vault.",
      cause,
    },
  );
}
