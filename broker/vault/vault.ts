// The credentials of this host, sealed row by row in vault.db; the only code that reads or writes them.
// Refuses to work with another key or an altered row, and then overwrites nothing.

import { randomInt } from "node:crypto";
import { asDatabaseError, type Database, redact, registerSecret, writeDatabase } from "#platform";
import { Credential, ProviderId, identityKeyOf, parseJson } from "#wire";
import { z } from "zod";
import { BrokerError, SealBroken } from "../errors.ts";
import { ChangeLog, type SeesProvider } from "./change-log.ts";
import type { MasterKeySource } from "./master-key.ts";
import type { SealPlace } from "./seal.ts";
import { VaultFile } from "./vault-file.ts";

/** Longest cause kept in a tombstone, in characters. */
export const MAX_CAUSE_CHARS = 500;
/** Ids are drawn from this range: a sequence would tell a reader of one provider how many others there are. */
const ID_RANGE = { from: 100_000, to: 1_000_000_000 } as const;

/** A time until which clients leave a credential alone, for one key of theirs, e.g. a model. */
export interface Block {
  readonly providerKey: string;
  readonly blockScope: string;
  readonly blockedUntilMs: number;
}

/** An active credential, secrets included; never leaves this process unredacted. */
export interface StoredCredential {
  readonly id: number;
  readonly provider: string;
  readonly identityKey: string | null;
  readonly credential: Credential;
  readonly createdAtMs: number;
  readonly blocks: readonly Block[];
}

/** Active credentials, oldest first, at one generation; both as far as the reader may see. */
export interface VaultContent {
  readonly generation: number;
  readonly credentials: readonly StoredCredential[];
}

/** One credential that changed; `stored` is undefined when it is active no more. */
export interface CredentialChange {
  readonly generation: number;
  readonly id: number;
  readonly stored: StoredCredential | undefined;
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

/** How a vault is opened; without a key source it is the key file of the home directory. */
export interface VaultOptions {
  readonly nowMs?: (() => number) | undefined;
  readonly masterKey?: MasterKeySource | undefined;
}

interface SealedRow {
  readonly id: number;
  readonly provider: string;
  readonly type: string;
  readonly identityKey: string | null;
  readonly slot: Uint8Array;
  readonly sealed: Uint8Array;
  readonly createdAtMs: number;
}

type OpenedRow = Omit<SealedRow, "createdAtMs">;

const ROW_COLUMNS = `id, provider, type, identity_key AS identityKey, slot, sealed,
  created_at_ms AS createdAtMs`;
const SUMMARY_COLUMNS = `id, provider, type, identity_key AS identityKey,
  created_at_ms AS createdAtMs, updated_at_ms AS updatedAtMs,
  disabled_at_ms AS disabledAtMs, disabled_cause AS disabledCause`;

// What the row says in the clear is sealed too: relabelling one must not send a key to another host, nor let one
// account's login replace another's. Rows from before `slot` was sealed gain it when they change.
const SealedRecord = z.strictObject({
  provider: ProviderId,
  credential: Credential,
  identityKey: z.string().nullable().optional(),
  slot: z.base64url().optional(),
});

/** An open vault; several processes may have the same one open. */
export class Vault {
  readonly #file: VaultFile;
  readonly #database: Database;
  readonly #changes: ChangeLog;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #selectRow;
  readonly #selectBlocks;
  #stored = new Map<number, StoredCredential>();
  #storedGeneration = -1;

  private constructor(file: VaultFile, nowMs: () => number) {
    this.#file = file;
    this.#database = file.database;
    this.#changes = new ChangeLog(file.database);
    this.#nowMs = nowMs;
    this.#selectRow = file.database.prepare<[number], SealedRow>(
      `SELECT ${ROW_COLUMNS} FROM credentials WHERE id = ? AND disabled_at_ms IS NULL`,
    );
    this.#selectBlocks = file.database.prepare<[number], Block>(
      `SELECT provider_key AS providerKey, block_scope AS blockScope, blocked_until_ms AS blockedUntilMs
       FROM blocks WHERE credential_id = ? ORDER BY provider_key, block_scope`,
    );
  }

  /**
   * Opens the vault of a home directory, making key and file on first use.
   * Throws MasterKeyError for a lost or wrong key and SealBroken for an altered row.
   */
  static open(home: string, { nowMs, masterKey }: VaultOptions = {}): Vault {
    return Vault.over(VaultFile.open(home, { masterKey }), { nowMs });
  }

  /** The same over an open file; it is closed when a row is not what was written. */
  static over(
    file: VaultFile,
    { nowMs = Date.now }: { nowMs?: (() => number) | undefined } = {},
  ): Vault {
    try {
      const vault = new Vault(file, nowMs);
      vault.read();
      return vault;
    } catch (error) {
      file.database.close();
      throw asDatabaseError(file.database, error);
    }
  }

  /** The open file, for the broker's other stores in the same database. */
  get file(): VaultFile {
    return this.#file;
  }

  /** Grows by one with every change, in the transaction of the change. */
  get generation(): number {
    return this.#changes.generation();
  }

  /** The same for a reader who may know of some providers only: it grows with changes of those alone. */
  generationSeenBy(sees?: SeesProvider): number {
    return this.#changes.generation(sees);
  }

  /** Every active credential that the reader may see. Throws SealBroken when a row is not what was written. */
  read(sees?: SeesProvider): VaultContent {
    const read = this.#database.transaction(() => {
      this.#follow();
      return this.generationSeenBy(sees);
    });
    const generation = read();
    const all = [...this.#stored.values()];
    const credentials = sees ? all.filter(({ provider }) => sees(provider)) : all;
    return { generation, credentials };
  }

  /** One active credential. */
  get(id: number): StoredCredential | undefined {
    this.#database.transaction(() => this.#follow())();
    return this.#stored.get(id);
  }

  /** What the reader missed since a generation, oldest first; undefined when only a whole snapshot can tell. */
  since(generation: number, sees?: SeesProvider): CredentialChange[] | undefined {
    const read = this.#database.transaction(() => {
      this.#follow();
      return this.#changes.since(generation, sees);
    });
    return read()?.map(({ generation, credentialId }) => ({
      generation,
      id: credentialId,
      stored: this.#stored.get(credentialId),
    }));
  }

  /**
   * Adds a credential, or replaces the one of the same account (the same key, for API keys).
   * Storing what is there already changes nothing, not even the generation; nor does storing a grant that was
   * refreshed here since, because using it again would make the provider revoke its successor.
   * Throws BrokerError `refresh_token_spent` when that successor is active no more.
   */
  upsert(provider: string, credential: Credential): { id: number; isChanged: boolean } {
    return this.#write(() => {
      const spentBy = this.#spentBy(credential);
      if (spentBy !== undefined) return { id: spentBy, isChanged: false };
      const slot = this.#fingerprint(slotText(provider, credential));
      const existing = this.#database
        .prepare<[Uint8Array], SealedRow>(
          `SELECT ${ROW_COLUMNS} FROM credentials WHERE slot = ? AND disabled_at_ms IS NULL`,
        )
        .get(slot);
      // Opened before it is replaced: an altered row is evidence, and must not be written over.
      const stored = existing && this.#open(existing);
      if (stored && contentText(stored.credential) === contentText(credential)) {
        return { id: stored.id, isChanged: false };
      }
      const id = existing?.id ?? this.#newId();
      this.#put(id, provider, credential, slot);
      return { id, isChanged: true };
    });
  }

  /**
   * Stores the answer of a refresh, if the grant is still the one that was refreshed: `superseded` means that
   * another refresh or login was first, and nothing was changed.
   */
  rotate(
    id: number,
    { usedRefresh, credential }: { usedRefresh: string; credential: Credential },
  ): "rotated" | "superseded" | "gone" {
    return this.#write(() => {
      const row = this.#selectRow.get(id);
      if (!row) return "gone";
      const { provider, credential: current } = this.#open(row);
      if (current.type !== "oauth" || current.refresh !== usedRefresh) return "superseded";
      this.#put(id, provider, credential, row.slot);
      // A provider that does not rotate leaves the token as good as it was.
      if (credential.type !== "oauth" || credential.refresh !== usedRefresh) {
        this.#spend(id, usedRefresh);
      }
      return "rotated";
    });
  }

  /** Wipes a credential's secrets and leaves a tombstone with the cause; false when it is not active. */
  disable(id: number, cause: string): boolean {
    return this.#write(() => {
      const row = this.#selectRow.get(id);
      if (!row) return false;
      this.#database
        .prepare(
          `UPDATE credentials SET sealed = NULL, disabled_at_ms = ?, disabled_cause = ? WHERE id = ?`,
        )
        .run(this.#nowMs(), redact(cause).slice(0, MAX_CAUSE_CHARS), id);
      this.#database.prepare("DELETE FROM blocks WHERE credential_id = ?").run(id);
      this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** Tells every client to leave a credential alone for a while; false when it is not active. */
  block(id: number, { providerKey, blockScope, blockedUntilMs }: Block): boolean {
    return this.#write(() => {
      const row = this.#selectRow.get(id);
      if (!row) return false;
      this.#database
        .prepare("DELETE FROM blocks WHERE credential_id = ? AND blocked_until_ms <= ?")
        .run(id, this.#nowMs());
      const { changes } = this.#database
        .prepare(
          `INSERT INTO blocks VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET blocked_until_ms = excluded.blocked_until_ms
             WHERE blocked_until_ms <> excluded.blocked_until_ms`,
        )
        .run(id, providerKey, blockScope, blockedUntilMs);
      if (changes > 0) this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** Lifts every block of a credential; false when it is not active. */
  clearBlocks(id: number): boolean {
    return this.#write(() => {
      const row = this.#selectRow.get(id);
      if (!row) return false;
      const { changes } = this.#database
        .prepare("DELETE FROM blocks WHERE credential_id = ?")
        .run(id);
      if (changes > 0) this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** The newest tombstone of the same account, key or grant. */
  tombstoneOf(provider: string, credential: Credential): CredentialSummary | undefined {
    return this.#database
      .prepare<[Uint8Array], CredentialSummary>(
        `SELECT ${SUMMARY_COLUMNS} FROM credentials
         WHERE slot = ? AND disabled_at_ms IS NOT NULL ORDER BY disabled_at_ms DESC LIMIT 1`,
      )
      .get(this.#fingerprint(slotText(provider, credential)));
  }

  /** Every row, disabled ones included, without secrets; the reader's providers only. */
  list(sees?: SeesProvider): CredentialSummary[] {
    const rows = this.#database
      .prepare<[], CredentialSummary>(
        `SELECT ${SUMMARY_COLUMNS} FROM credentials ORDER BY provider, ordinal, id`,
      )
      .all();
    return sees ? rows.filter(({ provider }) => sees(provider)) : rows;
  }

  /** Since when nothing may be refreshed, because this file was restored from a backup; null when it may. */
  get quarantinedAtMs(): number | null {
    const row = this.#database
      .prepare<[], { atMs: number | null }>("SELECT quarantined_at_ms AS atMs FROM meta")
      .get();
    return row?.atMs ?? null;
  }

  /** Forbids every refresh until `unquarantine`. */
  quarantine(): void {
    const update = this.#database.prepare("UPDATE meta SET quarantined_at_ms = ?");
    writeDatabase(this.#database, () => update.run(this.#nowMs()));
  }

  /** Makes every client fetch everything anew; for a vault that was restored. */
  startOver(): void {
    this.#write(() => this.#changes.startOver(this.#nowMs()));
  }

  /** Permits refreshes again; false when they were not forbidden. */
  unquarantine(): boolean {
    const update = this.#database.prepare(
      "UPDATE meta SET quarantined_at_ms = NULL WHERE quarantined_at_ms IS NOT NULL",
    );
    return writeDatabase(this.#database, () => update.run().changes > 0);
  }

  /** Runs several changes as one; listeners hear of them after the commit, never of what was undone. */
  atomically<T>(change: () => T): T {
    return this.#write(change);
  }

  /** Calls back after each change made through this object; returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Closes the file; the object is of no use afterwards. */
  close(): void {
    this.#listeners.clear();
    this.#stored.clear();
    this.#database.close();
  }

  #write<T>(change: () => T): T {
    // Part of a larger change, whose end tells the listeners.
    if (this.#database.inTransaction) return this.#database.transaction(change)();
    const before = this.generation;
    const result = writeDatabase(this.#database, change);
    if (this.generation !== before) for (const listener of this.#listeners) listener();
    return result;
  }

  // Opens only what changed since the last look: a thousand refreshes must not open a thousand rows each.
  #follow(): void {
    const generation = this.generation;
    if (generation === this.#storedGeneration) return;
    const changes =
      this.#storedGeneration < 0 ? undefined : this.#changes.since(this.#storedGeneration);
    if (changes) for (const { credentialId } of changes) this.#load(credentialId);
    else this.#loadAll();
    this.#storedGeneration = generation;
  }

  #load(id: number): void {
    const row = this.#selectRow.get(id);
    if (row) this.#stored.set(id, this.#open(row));
    else this.#stored.delete(id);
  }

  #loadAll(): void {
    const unexplained = this.#database
      .prepare<[], { id: number }>(
        "SELECT id FROM credentials WHERE disabled_at_ms IS NOT NULL AND disabled_cause IS NULL",
      )
      .get();
    // Every tombstone has a cause; one without is a credential that a flipped bit made disappear.
    if (unexplained) throw new SealBroken(`credentials row ${unexplained.id}`);
    const rows = this.#database
      .prepare<[], SealedRow>(
        `SELECT ${ROW_COLUMNS} FROM credentials WHERE disabled_at_ms IS NULL ORDER BY ordinal, id`,
      )
      .all();
    this.#stored = new Map(rows.map((row) => [row.id, this.#open(row)]));
  }

  #open(row: SealedRow): StoredCredential {
    const { id, provider, identityKey, createdAtMs } = row;
    const credential = openCredential(this.#file, row);
    const blocks = this.#selectBlocks.all(id);
    return { id, provider, identityKey, credential, createdAtMs, blocks };
  }

  #put(id: number, provider: string, credential: Credential, slot: Uint8Array): void {
    const identityKey = identityKeyOf(credential);
    const record: z.input<typeof SealedRecord> = {
      provider,
      credential,
      identityKey,
      slot: Buffer.from(slot).toString("base64url"),
    };
    this.#database
      .prepare(
        `INSERT INTO credentials
           (id, provider, type, identity_key, slot, sealed, created_at_ms, updated_at_ms, ordinal)
         VALUES (@id, @provider, @type, @identityKey, @slot, @sealed, @nowMs, @nowMs,
           (SELECT generation FROM meta))
         ON CONFLICT (id) DO UPDATE SET
           identity_key = excluded.identity_key, sealed = excluded.sealed,
           updated_at_ms = excluded.updated_at_ms`,
      )
      .run({
        id,
        provider,
        type: credential.type,
        identityKey,
        slot,
        sealed: this.#file.seal.seal(JSON.stringify(record), credentialPlace(id)),
        nowMs: this.#nowMs(),
      });
    this.#changes.record(provider, id);
  }

  #spend(id: number, refresh: string): void {
    this.#database
      .prepare("INSERT OR IGNORE INTO spent_refresh_tokens (tag, credential_id) VALUES (?, ?)")
      .run(this.#fingerprint(refresh), id);
  }

  #spentBy(credential: Credential): number | undefined {
    if (credential.type !== "oauth") return undefined;
    const id = this.#database
      .prepare<[Uint8Array], { id: number }>(
        "SELECT credential_id AS id FROM spent_refresh_tokens WHERE tag = ?",
      )
      .get(this.#fingerprint(credential.refresh))?.id;
    if (id === undefined || this.#selectRow.get(id)) return id;
    throw new BrokerError(
      "refresh_token_spent",
      "this grant was refreshed here before and is over",
      {
        fix: "Log in again; what a file or another host still holds of it is of no use.",
      },
    );
  }

  // Tombstones keep their ids: a client may still hold the id of a credential that is gone.
  #newId(): number {
    const select = this.#database.prepare("SELECT 1 FROM credentials WHERE id = ?");
    for (;;) {
      const id = randomInt(ID_RANGE.from, ID_RANGE.to);
      if (!select.get(id)) return id;
    }
  }

  #fingerprint(text: string): Uint8Array {
    return this.#file.index.fingerprint(text);
  }
}

/** The credential that a row holds. Throws SealBroken when it is not what was written there. */
export function openCredential({ seal }: VaultFile, row: OpenedRow): Credential {
  const record = SealedRecord.safeParse(parseJson(seal.open(row.sealed, credentialPlace(row.id))));
  if (!record.success || !isRowOf(record.data, row))
    throw new SealBroken(`credentials row ${row.id}`);
  const { credential } = record.data;
  if (credential.type === "api_key") registerSecret(credential.key);
  return credential;
}

function isRowOf(
  { provider, credential, identityKey, slot }: z.infer<typeof SealedRecord>,
  row: OpenedRow,
): boolean {
  if (provider !== row.provider || credential.type !== row.type) return false;
  if (identityKey !== undefined && identityKey !== row.identityKey) return false;
  return slot === undefined || slot === Buffer.from(row.slot).toString("base64url");
}

/** Where a credential's sealed value is stored. */
export function credentialPlace(rowId: number): SealPlace {
  return { table: "credentials", rowId, column: "sealed" };
}

/** What makes two uploads the same credential: the key, the account, else the grant itself. */
function slotText(provider: string, credential: Credential): string {
  if (credential.type === "api_key") return JSON.stringify([provider, "key", credential.key]);
  const identityKey = identityKeyOf(credential);
  if (identityKey === null) return JSON.stringify([provider, "grant", credential.refresh]);
  // One e-mail address may belong to several organisations, each with a grant of its own.
  const places = [credential.orgId, credential.accountId].filter((id) => id !== undefined);
  return JSON.stringify([provider, "identity", identityKey, ...places]);
}

function contentText(credential: Credential): string {
  if (credential.type === "api_key") return credential.key;
  const entries = Object.entries(credential).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}
