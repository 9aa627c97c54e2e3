// The credentials of this host, sealed row by row in vault.db; the only code that reads or writes it.
// Refuses to work with another key or an altered row, and then overwrites nothing.

import { join } from "node:path";
import { type Database, ensurePrivateDirectory, openDatabase, registerSecret } from "#platform";
import { Credential, ProviderId, identityKeyOf, parseJson } from "#wire";
import { z } from "zod";
import { MasterKeyError, SealBroken } from "../errors.ts";
import { readMasterKey } from "./master-key.ts";
import { Seal, type SealPlace } from "./seal.ts";
import { VAULT_MIGRATIONS } from "./vault-schema.ts";

/** An active credential, secrets included; never leaves this process unredacted. */
export interface StoredCredential {
  readonly id: number;
  readonly provider: string;
  readonly identityKey: string | null;
  readonly credential: Credential;
}

/** Every active credential at one generation. */
export interface VaultContent {
  readonly generation: number;
  readonly credentials: readonly StoredCredential[];
}

/** What a listing may show of a credential; times in ms since the epoch. */
export interface CredentialSummary {
  readonly id: number;
  readonly provider: string;
  readonly type: string;
  readonly identityKey: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly disabledAtMs: number | null;
  readonly disabledCause: string | null;
}

interface SealedRow {
  readonly id: number;
  readonly provider: string;
  readonly type: string;
  readonly identityKey: string | null;
  readonly fingerprint: Uint8Array;
  readonly sealed: Uint8Array;
}

const KEY_CHECK = "parley vault";
const KEY_CHECK_PLACE: SealPlace = { table: "meta", rowId: 1, column: "key_check" };
const ROW_COLUMNS = "id, provider, type, identity_key AS identityKey, fingerprint, sealed";
const SUMMARY_COLUMNS = `id, provider, type, identity_key AS identityKey,
  created_at_ms AS createdAtMs, updated_at_ms AS updatedAtMs,
  disabled_at_ms AS disabledAtMs, disabled_cause AS disabledCause`;

// The provider is sealed too: relabelling a row must not send a key to another host.
const SealedRecord = z.strictObject({ provider: ProviderId, credential: Credential });

/** Where the vault of a home directory is. */
export function vaultPath(home: string): string {
  return join(home, "vault.db");
}

/** An open vault; several processes may have the same one open. */
export class Vault {
  readonly #db: Database;
  readonly #seal: Seal;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #selectGeneration;
  #content: VaultContent | undefined;

  private constructor(db: Database, seal: Seal, nowMs: () => number) {
    this.#db = db;
    this.#seal = seal;
    this.#nowMs = nowMs;
    this.#selectGeneration = db.prepare<[], { generation: number }>("SELECT generation FROM meta");
  }

  /**
   * Opens the vault of a home directory, making key and file on first use.
   * Throws MasterKeyError for a lost or wrong key and SealBroken for an altered row.
   */
  static open(home: string, { nowMs = Date.now }: { nowMs?: () => number } = {}): Vault {
    ensurePrivateDirectory(home);
    const path = vaultPath(home);
    const seal = new Seal(readMasterKey(home, path));
    // FULL: in WAL mode NORMAL loses acknowledged commits at a power failure.
    const db = openDatabase(path, { migrations: VAULT_MIGRATIONS, synchronous: "FULL" });
    try {
      checkKey(db, seal);
      const vault = new Vault(db, seal, nowMs);
      vault.read();
      return vault;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Grows by one with every change, in the same transaction as the change. */
  get generation(): number {
    return this.#selectGeneration.get()?.generation ?? 0;
  }

  /** Every active credential. Throws SealBroken when one row is not what was written. */
  read(): VaultContent {
    if (this.#content?.generation === this.generation) return this.#content;
    this.#content = this.#db.transaction(() => ({
      generation: this.generation,
      credentials: this.#selectActive().map((row) => this.#open(row)),
    }))();
    return this.#content;
  }

  /**
   * Adds a credential, or replaces the one of the same account (the same key, for API keys).
   * Storing what is there already changes nothing, not even the generation.
   */
  upsert(provider: string, credential: Credential): { id: number; isChanged: boolean } {
    const result = this.#db.transaction(() => this.#upsert(provider, credential)).immediate();
    if (result.isChanged) for (const listener of this.#listeners) listener();
    return result;
  }

  /** Every row, disabled ones included, without secrets. */
  list(): CredentialSummary[] {
    return this.#db
      .prepare<[], CredentialSummary>(
        `SELECT ${SUMMARY_COLUMNS} FROM credentials ORDER BY provider, id`,
      )
      .all();
  }

  /** Calls back after each change made through this object; returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Closes the file; the object is of no use afterwards. */
  close(): void {
    this.#listeners.clear();
    this.#content = undefined;
    this.#db.close();
  }

  #selectActive(): SealedRow[] {
    return this.#db
      .prepare<[], SealedRow>(
        `SELECT ${ROW_COLUMNS} FROM credentials WHERE disabled_at_ms IS NULL ORDER BY id`,
      )
      .all();
  }

  #open(row: SealedRow): StoredCredential {
    const place = credentialPlace(row.id);
    const record = SealedRecord.safeParse(parseJson(this.#seal.open(row.sealed, place)));
    const isIntact =
      record.success &&
      record.data.provider === row.provider &&
      record.data.credential.type === row.type;
    if (!isIntact) throw new SealBroken(`credentials row ${row.id}`);
    const { credential } = record.data;
    if (credential.type === "api_key") registerSecret(credential.key);
    return { id: row.id, provider: row.provider, identityKey: row.identityKey, credential };
  }

  #upsert(provider: string, credential: Credential): { id: number; isChanged: boolean } {
    const slot = this.#seal.fingerprint(slotText(provider, credential));
    const fingerprint = this.#seal.fingerprint(contentText(credential));
    const existing = this.#db
      .prepare<[Uint8Array], SealedRow>(
        `SELECT ${ROW_COLUMNS} FROM credentials WHERE slot = ? AND disabled_at_ms IS NULL`,
      )
      .get(slot);
    // Opened before it is replaced: an altered row is evidence, and must not be written over.
    if (existing) this.#open(existing);
    if (existing && Buffer.compare(existing.fingerprint, fingerprint) === 0) {
      return { id: existing.id, isChanged: false };
    }
    const id = existing?.id ?? this.#nextId();
    const text = JSON.stringify({ provider, credential });
    this.#write({
      id,
      provider,
      type: credential.type,
      identityKey: identityKeyOf(credential),
      slot,
      fingerprint,
      sealed: this.#seal.seal(text, credentialPlace(id)),
      nowMs: this.#nowMs(),
    });
    this.#db.prepare("UPDATE meta SET generation = generation + 1").run();
    return { id, isChanged: true };
  }

  #write(row: Record<string, string | number | Uint8Array | null>): void {
    this.#db
      .prepare(
        `INSERT INTO credentials
           (id, provider, type, identity_key, slot, fingerprint, sealed, created_at_ms, updated_at_ms)
         VALUES (@id, @provider, @type, @identityKey, @slot, @fingerprint, @sealed, @nowMs, @nowMs)
         ON CONFLICT (id) DO UPDATE SET
           identity_key = excluded.identity_key, fingerprint = excluded.fingerprint,
           sealed = excluded.sealed, updated_at_ms = excluded.updated_at_ms`,
      )
      .run(row);
  }

  // Ids are never handed out twice: a client may still hold the id of a row that is gone.
  #nextId(): number {
    const row = this.#db
      .prepare<[], { id: number }>(
        "UPDATE meta SET next_credential_id = next_credential_id + 1 RETURNING next_credential_id - 1 AS id",
      )
      .get();
    if (!row) throw new SealBroken("meta");
    return row.id;
  }
}

function checkKey(db: Database, seal: Seal): void {
  const check = db.transaction(() => {
    const row = db
      .prepare<[], { sealed: Uint8Array }>("SELECT key_check AS sealed FROM meta")
      .get();
    if (row) return assertOwnKey(seal, row.sealed);
    // Rows without their key check are not a new vault; sealing a new one would hide that.
    if (db.prepare("SELECT 1 FROM credentials LIMIT 1").get()) throw new SealBroken("meta");
    db.prepare("INSERT INTO meta VALUES (1, 1, 1, ?)").run(seal.seal(KEY_CHECK, KEY_CHECK_PLACE));
  });
  check.immediate();
}

function assertOwnKey(seal: Seal, sealed: Uint8Array): void {
  try {
    if (seal.open(sealed, KEY_CHECK_PLACE) === KEY_CHECK) return;
  } catch (cause) {
    throw wrongKey(cause);
  }
  throw wrongKey();
}

function wrongKey(cause?: unknown): MasterKeyError {
  return new MasterKeyError("vault_wrong_key", "vault.key is not the key that sealed vault.db", {
    fix: "Restore the two from one backup, or move both away to start with an empty vault.",
    cause,
  });
}

function credentialPlace(rowId: number): SealPlace {
  return { table: "credentials", rowId, column: "sealed" };
}

/** What makes two uploads the same credential: the key, the account, else the grant itself. */
function slotText(provider: string, credential: Credential): string {
  if (credential.type === "api_key") return JSON.stringify([provider, "key", credential.key]);
  const identityKey = identityKeyOf(credential);
  return JSON.stringify(
    identityKey === null
      ? [provider, "grant", credential.refresh]
      : [provider, "identity", identityKey],
  );
}

function contentText(credential: Credential): string {
  if (credential.type === "api_key") return credential.key;
  const entries = Object.entries(credential).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}
