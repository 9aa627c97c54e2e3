// The tokens of the broker's clients: made and shown once, kept as hashes, each with what it may do and see.
// Refuses a token that is expired, revoked, or whose row was not written by a holder of the vault's key, so that
// write access to the file alone makes nobody a client.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createToken, type Database, registerSecret, writeDatabase } from "#platform";
import type { VaultFile } from "../vault/vault-file.ts";
import { AccessInputError } from "./access-errors.ts";
import { type Permission, parsePermissions, ProviderScope } from "./permissions.ts";
import type { Principal } from "./principal.ts";

/** How a broker's token begins, so that a scanner for leaked secrets can name it. */
export const BROKER_TOKEN_PREFIX = "plb_";
/** Most tokens that are neither revoked nor expired; each is compared at every request. */
export const MAX_LIVING_TOKENS = 1000;
/** How soon the end of a token is noticed by those who asked for it, in ms. */
export const END_POLL_MS = 250;
/** How often the times of last use are written, in ms; one small transaction for all tokens. */
export const LAST_USED_EVERY_MS = 60_000;

const NAME = /^[a-z0-9-]{1,40}$/;

/** What a new token may do. */
export interface NewClientToken {
  /** 1 to 40 of a-z, 0-9 and hyphen; unique among the living. */
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly scope: ProviderScope;
  /** Ms since the epoch; null for no end. */
  readonly expiresAtMs: number | null;
  readonly isLeaseOnly: boolean;
}

/** What a listing may show of a token; times in ms since the epoch. */
export interface ClientTokenSummary {
  readonly id: number;
  readonly name: string;
  /** `altered`: the row is not as it was written, and its token is refused. */
  readonly status: "active" | "expired" | "revoked" | "altered";
  readonly permissions: readonly Permission[];
  readonly providers: readonly string[];
  readonly isLeaseOnly: boolean;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

interface TokenRow {
  readonly id: number;
  readonly name: string;
  readonly hash: Uint8Array;
  readonly permissions: string;
  readonly providers: string;
  readonly isLeaseOnly: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
}

interface StoredRow extends TokenRow {
  readonly lastUsedAtMs: number | null;
  readonly tag: Uint8Array;
}

interface LivingToken {
  readonly hash: Uint8Array;
  readonly principal: Principal;
}

const COLUMNS = `id, name, hash, permissions, providers, is_lease_only AS isLeaseOnly,
  created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, last_used_at_ms AS lastUsedAtMs,
  revoked_at_ms AS revokedAtMs, tag`;

const LIVING = "WHERE revoked_at_ms IS NULL";
const LIVING_NAMED = `${LIVING} AND name = ?`;

/** The tokens in an open vault file; several processes may change them. */
export class ClientTokens {
  readonly #database: Database;
  readonly #key: Uint8Array;
  readonly #nowMs: () => number;
  readonly #selectDataVersion;
  readonly #endings = new Map<number, Set<() => void>>();
  readonly #used = new Map<number, number>();
  #living: readonly LivingToken[] = [];
  #dataVersion: unknown;
  #poll: ReturnType<typeof setInterval> | undefined;
  #flush: ReturnType<typeof setTimeout> | undefined;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ database, index }: VaultFile, { nowMs = Date.now }: { nowMs?: () => number } = {}) {
    this.#database = database;
    this.#key = index.derive("client-tokens");
    this.#nowMs = nowMs;
    this.#selectDataVersion = database.prepare("PRAGMA data_version").pluck();
  }

  /** Makes a token; this is the only time it is seen. Throws AccessInputError. */
  create(wanted: NewClientToken): { token: string; summary: ClientTokenSummary } {
    const token = createToken(BROKER_TOKEN_PREFIX);
    const id = writeDatabase(this.#database, () => this.#insert(wanted, sha256(token)));
    registerSecret(token);
    this.#dataVersion = undefined;
    return { token, summary: this.#byId(id) };
  }

  /** Every token there ever was, newest first; neither token nor hash. */
  list(): ClientTokenSummary[] {
    return this.#rows("ORDER BY id DESC").map((row) => this.#summary(row));
  }

  /** Ends the living token of that name at once, in every process. Throws AccessInputError. */
  revoke(name: string): ClientTokenSummary {
    const id = writeDatabase(this.#database, () => this.#markRevoked(name));
    this.#dataVersion = undefined;
    this.#endWhatEnded();
    return this.#byId(id);
  }

  /** Who holds the token; undefined when nobody does, or not any more. Throws when the file cannot be read. */
  authenticate(candidate: string): Principal | undefined {
    const hash = sha256(candidate);
    let found: Principal | undefined;
    // All of them, always: the time it takes says nothing about which one came close.
    for (const token of this.#current()) {
      if (timingSafeEqual(token.hash, hash)) found = token.principal;
    }
    if (!found || !this.#lives(found)) return undefined;
    this.#noteUse(found);
    return found;
  }

  /**
   * Calls back once, within a second after the principal's token was revoked (by whatever process) or has
   * expired. Returns the way to stop waiting; a waiting that is never stopped is never forgotten.
   */
  onEnd({ tokenId }: Principal, listener: () => void): () => void {
    if (tokenId === "owner") return () => {};
    const listeners = this.#endings.get(tokenId) ?? new Set();
    this.#endings.set(tokenId, listeners.add(listener));
    this.#poll ??= setInterval(() => this.#endWhatEnded(), END_POLL_MS);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#endings.delete(tokenId);
      this.#stopPollingWhenIdle();
    };
  }

  /** Writes what is left to write; call it before the file is closed. */
  close(): void {
    this.#endings.clear();
    this.#stopPollingWhenIdle();
    this.#writeUses();
  }

  #insert(wanted: NewClientToken, hash: Uint8Array): number {
    const nowMs = this.#nowMs();
    checkName(wanted.name);
    checkEnd(wanted.expiresAtMs, nowMs);
    this.#retireExpired(nowMs);
    if (this.#rows(LIVING_NAMED, wanted.name).length > 0) throw nameTaken(wanted.name);
    const living = this.#scalar(`SELECT count(*) FROM client_tokens ${LIVING}`);
    if (living >= MAX_LIVING_TOKENS) throw tooMany();
    const row: TokenRow = {
      // Rows are never deleted, so a number in the audit log means one token for good.
      id: this.#scalar("SELECT coalesce(max(id), 0) + 1 FROM client_tokens"),
      name: wanted.name,
      hash,
      permissions: parsePermissions(wanted.permissions).join(","),
      providers: wanted.scope.patterns.join(","),
      isLeaseOnly: wanted.isLeaseOnly ? 1 : 0,
      createdAtMs: nowMs,
      expiresAtMs: wanted.expiresAtMs,
      revokedAtMs: null,
    };
    this.#database
      .prepare(
        `INSERT INTO client_tokens (id, name, hash, permissions, providers, is_lease_only,
           created_at_ms, expires_at_ms, revoked_at_ms, tag)
         VALUES (@id, @name, @hash, @permissions, @providers, @isLeaseOnly,
           @createdAtMs, @expiresAtMs, @revokedAtMs, @tag)`,
      )
      .run({ ...row, tag: this.#tag(row) });
    return row.id;
  }

  // The name of an expired token is free again, and the index knows only of revocations.
  #retireExpired(nowMs: number): void {
    for (const row of this.#rows(`${LIVING} AND expires_at_ms <= ?`, nowMs)) {
      this.#end(row, row.expiresAtMs ?? nowMs);
    }
  }

  #markRevoked(name: string): number {
    const [row] = this.#rows(LIVING_NAMED, name);
    if (!row) throw unknownToken(name);
    this.#end(row, this.#nowMs());
    return row.id;
  }

  // An altered row is ended too, but its broken code stays as it is: evidence is not repaired.
  #end(row: StoredRow, revokedAtMs: number): void {
    const tag = this.#isIntact(row) ? this.#tag({ ...row, revokedAtMs }) : row.tag;
    this.#database
      .prepare("UPDATE client_tokens SET revoked_at_ms = ?, tag = ? WHERE id = ?")
      .run(revokedAtMs, tag, row.id);
  }

  #current(): readonly LivingToken[] {
    const dataVersion = this.#selectDataVersion.get();
    if (dataVersion === this.#dataVersion) return this.#living;
    this.#living = this.#rows(LIVING)
      .filter((row) => this.#isIntact(row))
      .map((row) => ({ hash: row.hash, principal: principalOf(row) }));
    this.#dataVersion = dataVersion;
    return this.#living;
  }

  #lives({ expiresAtMs }: Principal): boolean {
    return expiresAtMs === null || this.#nowMs() < expiresAtMs;
  }

  #endWhatEnded(): void {
    const living = this.#livingIds();
    for (const [tokenId, listeners] of this.#endings) {
      if (living.has(tokenId)) continue;
      this.#endings.delete(tokenId);
      for (const listener of listeners) listener();
    }
    this.#stopPollingWhenIdle();
  }

  // When the file cannot be read nobody knows who is revoked: all streams end, and meet the error when they return.
  #livingIds(): ReadonlySet<number | "owner"> {
    try {
      const living = this.#current().filter(({ principal }) => this.#lives(principal));
      return new Set(living.map(({ principal }) => principal.tokenId));
    } catch {
      return new Set();
    }
  }

  #stopPollingWhenIdle(): void {
    if (this.#endings.size > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  #noteUse({ tokenId }: Principal): void {
    if (tokenId === "owner") return;
    this.#used.set(tokenId, this.#nowMs());
    if (this.#flush !== undefined) return;
    const waitMs = Math.max(0, this.#flushedAtMs + LAST_USED_EVERY_MS - performance.now());
    this.#flush = setTimeout(() => this.#writeUses(), waitMs);
    this.#flush.unref();
  }

  #writeUses(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    this.#flushedAtMs = performance.now();
    if (this.#used.size === 0) return;
    try {
      const update = this.#database.prepare(
        "UPDATE client_tokens SET last_used_at_ms = ? WHERE id = ?",
      );
      this.#database
        .transaction(() => {
          for (const [tokenId, atMs] of this.#used) update.run(atMs, tokenId);
        })
        .immediate();
      this.#used.clear();
    } catch {
      // Only a convenience of the listing: a full disk must not stop requests for it. The next use tries again.
    }
  }

  #rows(condition: string, ...values: readonly (string | number)[]): StoredRow[] {
    return this.#database
      .prepare<(string | number)[], StoredRow>(`SELECT ${COLUMNS} FROM client_tokens ${condition}`)
      .all(...values);
  }

  #scalar(sql: string): number {
    return Number(this.#database.prepare(sql).pluck().get());
  }

  #byId(id: number): ClientTokenSummary {
    const [row] = this.#rows("WHERE id = ?", id);
    if (!row) throw new AccessInputError("token_unknown", `there is no token number ${id}`);
    return this.#summary(row);
  }

  #summary(row: StoredRow): ClientTokenSummary {
    const { id, name, createdAtMs, expiresAtMs, lastUsedAtMs, revokedAtMs } = row;
    const isIntact = this.#isIntact(row);
    return {
      id,
      name,
      status: isIntact ? statusOf(row, this.#nowMs()) : "altered",
      permissions: isIntact ? parsePermissions(row.permissions.split(",")) : [],
      providers: row.providers.split(","),
      isLeaseOnly: row.isLeaseOnly !== 0,
      createdAtMs,
      expiresAtMs,
      lastUsedAtMs,
      revokedAtMs,
    };
  }

  #isIntact(row: StoredRow): boolean {
    const tag = this.#tag(row);
    return row.tag.length === tag.length && timingSafeEqual(row.tag, tag);
  }

  #tag(row: TokenRow): Uint8Array {
    const content = [
      row.id,
      row.name,
      Buffer.from(row.hash).toString("hex"),
      row.permissions,
      row.providers,
      row.isLeaseOnly,
      row.createdAtMs,
      row.expiresAtMs,
      row.revokedAtMs,
    ];
    return createHmac("sha256", this.#key).update(JSON.stringify(content)).digest();
  }
}

function principalOf(row: TokenRow): Principal {
  return {
    tokenId: row.id,
    name: row.name,
    permissions: parsePermissions(row.permissions.split(",")),
    scope: ProviderScope.parse(row.providers.split(",")),
    isLeaseOnly: row.isLeaseOnly !== 0,
    expiresAtMs: row.expiresAtMs,
  };
}

function statusOf({ expiresAtMs, revokedAtMs }: TokenRow, nowMs: number) {
  if (expiresAtMs !== null && expiresAtMs <= (revokedAtMs ?? nowMs)) return "expired";
  return revokedAtMs === null ? "active" : "revoked";
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new AccessInputError("token_name_invalid", "that is not a name for a token", {
    fix: "Use 1 to 40 of a-z, 0-9 and hyphen, such as ci or laptop-2.",
  });
}

function checkEnd(expiresAtMs: number | null, nowMs: number): void {
  if (expiresAtMs === null) return;
  if (Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs) return;
  throw new AccessInputError("token_end_invalid", "the token would end before it begins", {
    fix: "Give a time that is still to come.",
  });
}

function nameTaken(name: string): AccessInputError {
  return new AccessInputError("token_name_taken", `there is a living token named ${name}`, {
    fix: `Take another name, or end that one: agent auth-broker token revoke ${name}`,
  });
}

function tooMany(): AccessInputError {
  return new AccessInputError("too_many_tokens", `there are ${MAX_LIVING_TOKENS} living tokens`, {
    fix: "Revoke those that nobody uses; `agent auth-broker token list` shows when each was used last.",
  });
}

function unknownToken(name: string): AccessInputError {
  // What was typed may be a token instead of its name; it is not repeated unless it can be a name.
  const which = NAME.test(name) ? `named ${name}` : "of that name";
  return new AccessInputError("token_unknown", `there is no living token ${which}`, {
    fix: "See `agent auth-broker token list`.",
  });
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text, "utf8").digest();
}
