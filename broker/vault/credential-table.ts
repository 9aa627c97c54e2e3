// The rows of the credentials table: sealed, opened, buried. Knows nothing of generations or of who may see what.
// Refuses a row whose clear columns are not those that were sealed with it.

import { randomInt } from "node:crypto";
import { type Database, redact, registerSecret } from "#platform";
import { Credential, identityKeyOf, parseJson, ProviderId } from "#wire";
import { z } from "zod";
import { SealBroken } from "../errors.ts";
import type { SealPlace } from "./seal.ts";
import type { VaultFile } from "./vault-file.ts";

/** Longest cause kept in a tombstone, in characters. */
export const MAX_CAUSE_CHARS = 500;
/** Ids are drawn from this range: a sequence would tell a reader of one provider how many others there are. */
const ID_RANGE = { from: 100_000, to: 1_000_000_000 } as const;

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

/** An active row as it is stored. */
export interface SealedRow {
  readonly id: number;
  readonly provider: string;
  readonly type: string;
  readonly identityKey: string | null;
  readonly slot: Uint8Array;
  readonly sealed: Uint8Array;
  readonly createdAtMs: number;
}

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

/** The table in an open vault file; callers hold the transactions. */
export class CredentialTable {
  readonly #file: VaultFile;
  readonly #database: Database;
  readonly #nowMs: () => number;
  readonly #selectActive;

  constructor(file: VaultFile, nowMs: () => number) {
    this.#file = file;
    this.#database = file.database;
    this.#nowMs = nowMs;
    this.#selectActive = file.database.prepare<[number], SealedRow>(
      `SELECT ${ROW_COLUMNS} FROM credentials WHERE id = ? AND disabled_at_ms IS NULL`,
    );
  }

  /** One active row. */
  active(id: number): SealedRow | undefined {
    return this.#selectActive.get(id);
  }

  /** The active row of the same account, key or grant. */
  activeOf(provider: string, credential: Credential): SealedRow | undefined {
    return this.#database
      .prepare<[Uint8Array], SealedRow>(
        `SELECT ${ROW_COLUMNS} FROM credentials WHERE slot = ? AND disabled_at_ms IS NULL`,
      )
      .get(this.slotOf(provider, credential));
  }

  /** Every active row, oldest first. Throws SealBroken for one that was made to disappear. */
  allActive(): SealedRow[] {
    const unexplained = this.#database
      .prepare<[], { id: number }>(
        "SELECT id FROM credentials WHERE disabled_at_ms IS NOT NULL AND disabled_cause IS NULL",
      )
      .get();
    // Every tombstone has a cause; one without is a credential that a flipped bit made disappear.
    if (unexplained) throw new SealBroken(`credentials row ${unexplained.id}`);
    return this.#database
      .prepare<[], SealedRow>(
        `SELECT ${ROW_COLUMNS} FROM credentials WHERE disabled_at_ms IS NULL ORDER BY ordinal, id`,
      )
      .all();
  }

  /** The newest tombstone of the same account, key or grant. */
  tombstoneOf(provider: string, credential: Credential): CredentialSummary | undefined {
    return this.#database
      .prepare<[Uint8Array], CredentialSummary>(
        `SELECT ${SUMMARY_COLUMNS} FROM credentials
         WHERE slot = ? AND disabled_at_ms IS NOT NULL ORDER BY disabled_at_ms DESC LIMIT 1`,
      )
      .get(this.slotOf(provider, credential));
  }

  /** Every row, tombstones included, without secrets. */
  summaries(): CredentialSummary[] {
    return this.#database
      .prepare<[], CredentialSummary>(
        `SELECT ${SUMMARY_COLUMNS} FROM credentials ORDER BY provider, ordinal, id`,
      )
      .all();
  }

  /** Adds a row, or replaces what it holds. */
  put(id: number, provider: string, credential: Credential, slot: Uint8Array): void {
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
  }

  /** Wipes the secrets of a row and leaves a tombstone. */
  bury(id: number, cause: string): void {
    this.#database
      .prepare(
        `UPDATE credentials SET sealed = NULL, disabled_at_ms = ?, disabled_cause = ? WHERE id = ?`,
      )
      .run(this.#nowMs(), redact(cause).slice(0, MAX_CAUSE_CHARS), id);
  }

  /** An id that no row has or had: a client may still hold that of a credential that is gone. */
  newId(): number {
    const select = this.#database.prepare("SELECT 1 FROM credentials WHERE id = ?");
    for (;;) {
      const id = randomInt(ID_RANGE.from, ID_RANGE.to);
      if (!select.get(id)) return id;
    }
  }

  /** The keyed hash by which two uploads are the same credential. */
  slotOf(provider: string, credential: Credential): Uint8Array {
    return this.#file.index.fingerprint(slotText(provider, credential));
  }
}

/** The credential that a row holds. Throws SealBroken when it is not what was written there. */
export function openCredential(
  { seal }: VaultFile,
  row: Omit<SealedRow, "createdAtMs">,
): Credential {
  const record = SealedRecord.safeParse(parseJson(seal.open(row.sealed, credentialPlace(row.id))));
  if (!record.success || !isRowOf(record.data, row)) {
    throw new SealBroken(`credentials row ${row.id}`);
  }
  const { credential } = record.data;
  if (credential.type === "api_key") registerSecret(credential.key);
  return credential;
}

/** Where a credential's sealed value is stored. */
export function credentialPlace(rowId: number): SealPlace {
  return { table: "credentials", rowId, column: "sealed" };
}

function isRowOf(
  { provider, credential, identityKey, slot }: z.infer<typeof SealedRecord>,
  row: Omit<SealedRow, "createdAtMs">,
): boolean {
  if (provider !== row.provider || credential.type !== row.type) return false;
  if (identityKey !== undefined && identityKey !== row.identityKey) return false;
  return slot === undefined || slot === Buffer.from(row.slot).toString("base64url");
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
