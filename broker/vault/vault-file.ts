// vault.db opened with the key that belongs to it: what every store of the broker's state stands on.
// Refuses another key, a file without its key check, and rows where a check should be. Follows a rekey made by
// another process, and finishes one that was interrupted.

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  asDatabaseError,
  type Database,
  ensurePrivateDirectory,
  openDatabase,
  writeDatabase,
} from "#platform";
import { MasterKeyError, SealBroken } from "../errors.ts";
import { homeMasterKey } from "./key-sources/file.ts";
import type { MasterKeySource } from "./master-key.ts";
import { IndexKey, Seal, type SealPlace } from "./seal.ts";
import { VAULT_MIGRATIONS } from "./vault-schema.ts";

const KEY_CHECK = "parley vault";
const KEY_CHECK_PLACE: SealPlace = { table: "meta", rowId: 1, column: "key_check" };
const INDEX_KEY_PLACE: SealPlace = { table: "meta", rowId: 1, column: "index_key" };

interface MetaRow {
  readonly keyCheck: Uint8Array;
  readonly indexKey: Uint8Array | null;
  readonly keyTerm: number;
}

/** Where the vault of a home directory is. */
export function vaultPath(home: string): string {
  return join(home, "vault.db");
}

/** The open file: its tables, the seal of its values and its keyed hashes. */
export class VaultFile {
  readonly database: Database;
  /** Keyed hashes and derived keys; no rekey changes them. */
  readonly index: IndexKey;
  readonly #source: MasterKeySource;
  readonly #selectTerm;
  #seal: Seal;
  #keyTerm: number;

  private constructor(database: Database, source: MasterKeySource, seal: Seal) {
    this.database = database;
    this.#source = source;
    this.#seal = unlock(database, source, seal);
    if (this.#seal !== seal) source.pending?.adopt();
    this.#selectTerm = database.prepare<[], { keyTerm: number }>(
      "SELECT key_term AS keyTerm FROM meta",
    );
    this.#keyTerm = this.#selectTerm.get()?.keyTerm ?? 0;
    this.index = new IndexKey(readIndexKey(database, this.#seal));
  }

  /**
   * Opens the vault file of a home directory, making key and file on first use.
   * Throws MasterKeyError for a lost or wrong key, SealBroken for altered keys, DatabaseError for the file.
   */
  static open(
    home: string,
    { masterKey = homeMasterKey(home) }: { masterKey?: MasterKeySource | undefined } = {},
  ): VaultFile {
    ensurePrivateDirectory(home);
    const path = vaultPath(home);
    const seal = new Seal(masterKey.read({ mayCreate: !existsSync(path) }));
    // FULL: in WAL mode NORMAL loses acknowledged commits at a power failure.
    const database = openDatabase(path, { migrations: VAULT_MIGRATIONS, synchronous: "FULL" });
    return VaultFile.over(database, masterKey, seal);
  }

  /** The same over a database that is open already; it is closed when the key is not its own. */
  static over(
    database: Database,
    masterKey: MasterKeySource,
    seal: Seal = new Seal(masterKey.read({ mayCreate: false })),
  ): VaultFile {
    try {
      return writeDatabase(database, () => new VaultFile(database, masterKey, seal));
    } catch (error) {
      database.close();
      throw asDatabaseError(database, error);
    }
  }

  /** Another database that the same key sealed, such as a copy of this one. */
  sibling(database: Database): VaultFile {
    return VaultFile.over(database, this.#source);
  }

  /** Seals and opens values; after a rekey by another process, under the new key. */
  get seal(): Seal {
    const keyTerm = this.#selectTerm.get()?.keyTerm ?? 0;
    if (keyTerm !== this.#keyTerm) {
      const seal = new Seal(this.#source.read({ mayCreate: false }));
      this.#seal = unlock(this.database, this.#source, seal);
      this.#keyTerm = keyTerm;
    }
    return this.#seal;
  }

  /** Whether this is the key of the vault now. */
  isSealedBy(seal: Seal): boolean {
    const meta = readMeta(this.database);
    return meta !== undefined && isOwnKey(seal, meta.keyCheck);
  }

  /** Makes the key of an interrupted rekey the current one, if it is this vault's; the caller holds the write lock. */
  adoptPendingKey(): void {
    const pending = this.#source.pending?.read();
    if (pending && this.isSealedBy(new Seal(pending))) this.#source.pending?.adopt();
  }

  /** Seals the file's own keys under another master key; belongs into the transaction that does so with the rows. */
  adoptSeal(next: Seal): void {
    const indexKey = readMeta(this.database)?.indexKey;
    if (!indexKey) throw new SealBroken("meta");
    this.database
      .prepare("UPDATE meta SET key_check = ?, index_key = ?, key_term = key_term + 1")
      .run(
        next.seal(KEY_CHECK, KEY_CHECK_PLACE),
        this.#seal.rewrap(indexKey, INDEX_KEY_PLACE, next),
      );
  }
}

function unlock(database: Database, source: MasterKeySource, seal: Seal): Seal {
  const meta = readMeta(database);
  if (!meta) {
    initialize(database, seal);
    return seal;
  }
  if (isOwnKey(seal, meta.keyCheck)) return seal;
  const pending = source.pending?.read();
  const next = pending && new Seal(pending);
  if (!next || !isOwnKey(next, meta.keyCheck)) throw wrongKey(source.name);
  return next;
}

function initialize(database: Database, seal: Seal): void {
  // Rows without their key check are not a new vault; sealing a new one would hide that.
  if (database.prepare("SELECT 1 FROM credentials LIMIT 1").get()) throw new SealBroken("meta");
  database
    .prepare("INSERT INTO meta (id, generation, key_check, index_key) VALUES (1, 1, ?, ?)")
    .run(seal.seal(KEY_CHECK, KEY_CHECK_PLACE), sealIndexKey(seal, seal.defaultIndexKey()));
}

function readMeta(database: Database): MetaRow | undefined {
  return database
    .prepare<[], MetaRow>(
      "SELECT key_check AS keyCheck, index_key AS indexKey, key_term AS keyTerm FROM meta",
    )
    .get();
}

// A vault from before the column existed fingerprinted under the derived key; from here on it is stored.
function readIndexKey(database: Database, seal: Seal): Uint8Array {
  const indexKey = readMeta(database)?.indexKey;
  if (indexKey) return Buffer.from(seal.open(indexKey, INDEX_KEY_PLACE), "base64url");
  const derived = seal.defaultIndexKey();
  database.prepare("UPDATE meta SET index_key = ?").run(sealIndexKey(seal, derived));
  return derived;
}

function sealIndexKey(seal: Seal, key: Uint8Array): Uint8Array {
  return seal.seal(Buffer.from(key).toString("base64url"), INDEX_KEY_PLACE);
}

function isOwnKey(seal: Seal, sealed: Uint8Array): boolean {
  try {
    return seal.open(sealed, KEY_CHECK_PLACE) === KEY_CHECK;
  } catch {
    return false;
  }
}

function wrongKey(keyName: string): MasterKeyError {
  return new MasterKeyError(
    "vault_wrong_key",
    `${keyName} is not the key that sealed vault.db (or the file's key check was altered)`,
    {
      fix: "Restore the two from one backup; after an interrupted rekey, let vault.key name the new source.",
    },
  );
}
