// The credentials of this host, sealed row by row in vault.db; the only code that reads or writes them.
// Refuses to work with another key or an altered row, and then overwrites nothing.

import { asDatabaseError, type Database, writeDatabase } from "#platform";
import type { Credential } from "#wire";
import { BrokerError } from "../errors.ts";
import { type Block, BlockTable } from "./block-table.ts";
import { ChangeLog, type SeesProvider } from "./change-log.ts";
import {
  type CredentialSummary,
  CredentialTable,
  openCredential,
  type SealedRow,
} from "./credential-table.ts";
import type { MasterKeySource } from "./master-key.ts";
import { Quarantine } from "./quarantine.ts";
import { SpentTokens } from "./spent-tokens.ts";
import { VaultFile } from "./vault-file.ts";

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

/** How a vault is opened; without a key source it is the key file of the home directory. */
export interface VaultOptions {
  readonly nowMs?: (() => number) | undefined;
  readonly masterKey?: MasterKeySource | undefined;
}

/** An open vault; several processes may have the same one open. */
export class Vault {
  readonly #file: VaultFile;
  readonly #database: Database;
  readonly #changes: ChangeLog;
  readonly #rows: CredentialTable;
  readonly #blocks: BlockTable;
  readonly #spent: SpentTokens;
  readonly #quarantine: Quarantine;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<() => void>();
  #stored = new Map<number, StoredCredential>();
  #storedGeneration = -1;

  private constructor(file: VaultFile, nowMs: () => number) {
    this.#file = file;
    this.#database = file.database;
    this.#changes = new ChangeLog(file.database);
    this.#rows = new CredentialTable(file, nowMs);
    this.#blocks = new BlockTable(file.database);
    this.#spent = new SpentTokens(file);
    this.#quarantine = new Quarantine(file.database);
    this.#nowMs = nowMs;
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
      const existing = this.#rows.activeOf(provider, credential);
      // Opened before it is replaced: an altered row is evidence, and must not be written over.
      const stored = existing && this.#open(existing);
      if (stored && contentText(stored.credential) === contentText(credential)) {
        return { id: stored.id, isChanged: false };
      }
      const id = existing?.id ?? this.#rows.newId();
      this.#put(id, provider, credential, this.#rows.slotOf(provider, credential));
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
      const row = this.#rows.active(id);
      if (!row) return "gone";
      const { provider, credential: current } = this.#open(row);
      if (current.type !== "oauth" || current.refresh !== usedRefresh) return "superseded";
      this.#put(id, provider, credential, row.slot);
      // A provider that does not rotate leaves the token as good as it was.
      if (credential.type !== "oauth" || credential.refresh !== usedRefresh) {
        this.#spent.spend(id, usedRefresh);
      }
      return "rotated";
    });
  }

  /** Wipes a credential's secrets and leaves a tombstone with the cause; false when it is not active. */
  disable(id: number, cause: string): boolean {
    return this.#write(() => {
      const row = this.#rows.active(id);
      if (!row) return false;
      this.#rows.bury(id, cause);
      this.#blocks.clear(id);
      this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** Tells every client to leave a credential alone for a while; false when it is not active. */
  block(id: number, block: Block): boolean {
    return this.#write(() => {
      const row = this.#rows.active(id);
      if (!row) return false;
      if (this.#blocks.set(id, block, this.#nowMs())) this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** Lifts every block of a credential; false when it is not active. */
  clearBlocks(id: number): boolean {
    return this.#write(() => {
      const row = this.#rows.active(id);
      if (!row) return false;
      if (this.#blocks.clear(id)) this.#changes.record(row.provider, id);
      return true;
    });
  }

  /** The newest tombstone of the same account, key or grant. */
  tombstoneOf(provider: string, credential: Credential): CredentialSummary | undefined {
    return this.#rows.tombstoneOf(provider, credential);
  }

  /** Every row, disabled ones included, without secrets; the reader's providers only. */
  list(sees?: SeesProvider): CredentialSummary[] {
    const rows = this.#rows.summaries();
    return sees ? rows.filter(({ provider }) => sees(provider)) : rows;
  }

  /** Since when nothing may be refreshed, because this file was restored from a backup; null when it may. */
  get quarantinedAtMs(): number | null {
    return this.#quarantine.sinceMs;
  }

  /** Forbids every refresh until `unquarantine`. */
  quarantine(): void {
    this.#quarantine.begin(this.#nowMs());
  }

  /** Makes every client fetch everything anew; for a vault that was restored. */
  startOver(): void {
    this.#write(() => this.#changes.startOver(this.#nowMs()));
  }

  /** Permits refreshes again; false when they were not forbidden. */
  unquarantine(): boolean {
    return this.#quarantine.end();
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
    const row = this.#rows.active(id);
    if (row) this.#stored.set(id, this.#open(row));
    else this.#stored.delete(id);
  }

  #loadAll(): void {
    this.#stored = new Map(this.#rows.allActive().map((row) => [row.id, this.#open(row)]));
  }

  #open(row: SealedRow): StoredCredential {
    const { id, provider, identityKey, createdAtMs } = row;
    const credential = openCredential(this.#file, row);
    const blocks = this.#blocks.of(id);
    return { id, provider, identityKey, credential, createdAtMs, blocks };
  }

  #put(id: number, provider: string, credential: Credential, slot: Uint8Array): void {
    this.#rows.put(id, provider, credential, slot);
    this.#changes.record(provider, id);
  }

  #spentBy(credential: Credential): number | undefined {
    if (credential.type !== "oauth") return undefined;
    const id = this.#spent.spentBy(credential.refresh);
    if (id === undefined || this.#rows.active(id)) return id;
    throw new BrokerError(
      "refresh_token_spent",
      "this grant was refreshed here before and is over",
      { fix: "Log in again; what a file or another host still holds of it is of no use." },
    );
  }
}

function contentText(credential: Credential): string {
  if (credential.type === "api_key") return credential.key;
  const entries = Object.entries(credential).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}
