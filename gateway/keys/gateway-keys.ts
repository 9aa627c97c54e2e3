// The keys that a gateway gives out in its own name: made and shown once, kept as hashes, each with what it may do.
// Asking whose a key is costs no look into the file: a timer notices what other processes changed. When the file
// cannot be read any more nobody is let in by it.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { createToken, type Database, openDatabase, registerSecret, writeDatabase } from "#platform";
import type { Caller } from "../pipeline/caller.ts";
import { GatewayKeyError } from "./key-errors.ts";
import { KeyRules } from "./key-rules.ts";
import { KEY_MIGRATIONS } from "./key-schema.ts";

/** How a key begins, so that a scanner for leaked secrets can name it. */
export const VIRTUAL_KEY_PREFIX = "plk_";
/** How soon a change by another process is noticed, in ms. */
export const CHANGE_POLL_MS = 250;
/** How often a key that nobody knows is reason to look for changes at once, in ms; a flood of them is not. */
const MISS_LOOK_MS = 20;
/** Most keys that are not revoked. */
export const MAX_LIVING_KEYS = 10_000;

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const MAX_OWNER_CHARS = 200;
// 32 bytes as base64url; anything else is refused before it is hashed.
const SECRET = new RegExp(`^${VIRTUAL_KEY_PREFIX}[A-Za-z0-9_-]{43}$`);

/** File that holds the keys of a home. */
export function gatewayDatabasePath(home: string): string {
  return join(home, "gateway.db");
}

/** A key to be made; times in ms since the epoch. */
export interface NewVirtualKey {
  /** 1 to 64 of a-z, 0-9, dot, hyphen and underscore; unique among the living. */
  readonly name: string;
  /** Who answers for it, in whatever words; up to 200 characters. */
  readonly owner: string;
  readonly rules: KeyRules;
  readonly validFromMs: number | null;
  readonly validUntilMs: number | null;
}

/** A key without its secret; times in ms since the epoch. */
export interface VirtualKey extends NewVirtualKey {
  /** Stable over rotations. */
  readonly id: string;
  readonly status: "active" | "pending" | "expired" | "revoked";
  readonly createdAtMs: number;
  readonly rotatedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly hash: Uint8Array;
  readonly rules: string;
  readonly createdAtMs: number;
  readonly validFromMs: number | null;
  readonly validUntilMs: number | null;
  readonly rotatedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

interface Living {
  readonly hash: Uint8Array;
  readonly key: VirtualKey;
}

const COLUMNS = `id, name, owner, hash, rules, created_at_ms AS createdAtMs, valid_from_ms AS validFromMs,
  valid_until_ms AS validUntilMs, rotated_at_ms AS rotatedAtMs, revoked_at_ms AS revokedAtMs`;
const LIVING = "WHERE revoked_at_ms IS NULL";

/** The keys of one home; several processes may change them. */
export class GatewayKeys {
  readonly #database: Database;
  readonly #nowMs: () => number;
  #living: ReadonlyMap<string, Living> = new Map();
  #byId: ReadonlyMap<string, VirtualKey> = new Map();
  #dataVersion: unknown;
  #missLookedAtMs = Number.NEGATIVE_INFINITY;
  #poll: ReturnType<typeof setInterval> | undefined;

  /** Opens or makes gateway.db. Throws DatabaseError. */
  constructor(home: string, { nowMs = Date.now }: { nowMs?: () => number } = {}) {
    this.#nowMs = nowMs;
    this.#database = openDatabase(gatewayDatabasePath(home), {
      migrations: KEY_MIGRATIONS,
      synchronous: "FULL",
    });
    this.#reload();
  }

  /** Notices what other processes change, until close(). */
  watch(): void {
    this.#poll ??= setInterval(() => this.#noticeChanges(), CHANGE_POLL_MS).unref();
  }

  /** Ends the watching and closes the file. */
  close(): void {
    clearInterval(this.#poll);
    this.#database.close();
  }

  /** Makes a key; this is the only time its secret is seen. Throws GatewayKeyError. */
  create(wanted: NewVirtualKey): { secret: string; key: VirtualKey } {
    checkNew(wanted, this.#nowMs());
    const secret = newSecret();
    const id = `key_${randomBytes(9).toString("base64url")}`;
    writeDatabase(this.#database, () => this.#insert(id, wanted, sha256(secret)));
    this.#reload();
    return { secret, key: this.show(id) };
  }

  /** Every key there ever was, newest first. */
  list(): VirtualKey[] {
    return this.#rows("ORDER BY created_at_ms DESC, rowid DESC").map((row) => this.#key(row));
  }

  /** The living key of that name, or the key of that id. Throws GatewayKeyError. */
  show(nameOrId: string): VirtualKey {
    const [row] = this.#rows(
      "WHERE id = ? OR (name = ? AND revoked_at_ms IS NULL)",
      nameOrId,
      nameOrId,
    );
    if (!row) throw unknownKey(nameOrId);
    return this.#key(row);
  }

  /** Ends a key; every gateway of this home refuses it within a second. Throws GatewayKeyError. */
  revoke(nameOrId: string): VirtualKey {
    const { id } = this.#mustLive(nameOrId);
    writeDatabase(this.#database, () => {
      this.#database
        .prepare("UPDATE virtual_keys SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL")
        .run(this.#nowMs(), id);
    });
    this.#reload();
    return this.show(id);
  }

  /** Gives a key a new secret; id, rules and what it has spent stay, the old secret ends. Throws GatewayKeyError. */
  rotate(nameOrId: string): { secret: string; key: VirtualKey } {
    const { id } = this.#mustLive(nameOrId);
    const secret = newSecret();
    const { changes } = writeDatabase(this.#database, () =>
      this.#database
        .prepare(
          "UPDATE virtual_keys SET hash = ?, rotated_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL",
        )
        .run(sha256(secret), this.#nowMs(), id),
    );
    if (changes === 0) throw unknownKey(nameOrId);
    this.#reload();
    return { secret, key: this.show(id) };
  }

  /**
   * Whose secret it is, as of CHANGE_POLL_MS ago at most; undefined when nobody's, or not now. Reads no file for a
   * key that is known.
   */
  authenticate(candidate: string): VirtualKey | undefined {
    if (!SECRET.test(candidate)) return undefined;
    const hash = sha256(candidate);
    const found = this.#find(hash) ?? this.#findAnew(hash);
    if (!found) return undefined;
    return statusOf(found.key, this.#nowMs()) === "active" ? found.key : undefined;
  }

  /** Whether a key that was recognised earlier still is one: neither ended nor rotated since. Reads no file. */
  isCurrent(caller: Pick<Caller, "id" | "rotatedAtMs">): boolean {
    return this.current(caller) !== undefined;
  }

  /** That key as it is now; undefined when it is none any more. Reads no file. */
  current({ id, rotatedAtMs }: Pick<Caller, "id" | "rotatedAtMs">): VirtualKey | undefined {
    const key = this.#byId.get(id);
    if (!key || key.rotatedAtMs !== rotatedAtMs) return undefined;
    return statusOf(key, this.#nowMs()) === "active" ? key : undefined;
  }

  /** The same for a caller that another process has recognised, perhaps before this one has heard of its key. */
  currentAnew(caller: Pick<Caller, "id" | "rotatedAtMs">): VirtualKey | undefined {
    const known = this.current(caller);
    if (known) return known;
    this.#noticeChanges();
    return this.current(caller);
  }

  /** Looks at once for what other processes have changed; when that cannot be told, nobody is let in. */
  lookAgain(): void {
    this.#noticeChanges();
  }

  // By the whole hash, which says nothing about the secret however long the look-up takes.
  #find(hash: Buffer): Living | undefined {
    const found = this.#living.get(hash.toString("hex"));
    return found && timingSafeEqual(found.hash, hash) ? found : undefined;
  }

  // A key is most often tried in the second in which it was made.
  #findAnew(hash: Buffer): Living | undefined {
    const nowMs = performance.now();
    if (nowMs - this.#missLookedAtMs < MISS_LOOK_MS) return undefined;
    this.#missLookedAtMs = nowMs;
    this.#noticeChanges();
    return this.#find(hash);
  }

  #noticeChanges(): void {
    try {
      if (this.#version() !== this.#dataVersion) this.#reload();
    } catch {
      // Nobody knows who is revoked, so nobody is let in; the next look may succeed.
      this.#living = new Map();
      this.#byId = new Map();
      this.#dataVersion = undefined;
    }
  }

  #reload(): void {
    this.#dataVersion = this.#version();
    this.#living = new Map(
      this.#rows(LIVING).map((row) => [
        Buffer.from(row.hash).toString("hex"),
        { hash: row.hash, key: this.#key(row) },
      ]),
    );
    this.#byId = new Map([...this.#living.values()].map(({ key }) => [key.id, key]));
  }

  #version(): unknown {
    return this.#database.pragma("data_version", { simple: true });
  }

  #insert(id: string, wanted: NewVirtualKey, hash: Uint8Array): void {
    const { name, owner, rules, validFromMs, validUntilMs } = wanted;
    const living = this.#rows(LIVING);
    if (living.some((row) => row.name === name)) throw nameTaken(name);
    if (living.length >= MAX_LIVING_KEYS) throw tooMany();
    this.#database
      .prepare(
        `INSERT INTO virtual_keys (id, name, owner, hash, rules, created_at_ms, valid_from_ms, valid_until_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, name, owner, hash, JSON.stringify(rules), this.#nowMs(), validFromMs, validUntilMs);
  }

  #mustLive(nameOrId: string): VirtualKey {
    const key = this.show(nameOrId);
    if (key.status === "revoked") throw unknownKey(nameOrId);
    return key;
  }

  #rows(condition: string, ...values: readonly string[]): Row[] {
    return this.#database
      .prepare<string[], Row>(`SELECT ${COLUMNS} FROM virtual_keys ${condition}`)
      .all(...values);
  }

  #key({ hash: _never, rules, ...row }: Row): VirtualKey {
    const key = { ...row, rules: KeyRules.parse(JSON.parse(rules)) };
    return { ...key, status: statusOf(key, this.#nowMs()) };
  }
}

function statusOf(
  { validFromMs, validUntilMs, revokedAtMs }: Omit<VirtualKey, "status">,
  nowMs: number,
): VirtualKey["status"] {
  if (revokedAtMs !== null) return "revoked";
  if (validUntilMs !== null && nowMs >= validUntilMs) return "expired";
  return validFromMs !== null && nowMs < validFromMs ? "pending" : "active";
}

function newSecret(): string {
  const secret = createToken(VIRTUAL_KEY_PREFIX);
  registerSecret(secret);
  return secret;
}

function checkNew({ name, owner, validFromMs, validUntilMs }: NewVirtualKey, nowMs: number): void {
  if (!NAME.test(name)) {
    throw new GatewayKeyError("key_name_invalid", "that is not a name for a key", {
      fix: "Use 1 to 64 of a-z, 0-9, dot, hyphen and underscore, such as ci or anna-laptop.",
    });
  }
  if (owner.length > MAX_OWNER_CHARS) {
    throw new GatewayKeyError("key_owner_invalid", "the owner is too long", {
      fix: `Use at most ${MAX_OWNER_CHARS} characters.`,
    });
  }
  const isOver = validUntilMs !== null && validUntilMs <= Math.max(nowMs, validFromMs ?? 0);
  if (!isOver && isTime(validFromMs) && isTime(validUntilMs)) return;
  throw new GatewayKeyError("key_validity_invalid", "the key would never be valid", {
    fix: "Give an end that is still to come and lies after the beginning.",
  });
}

function isTime(atMs: number | null): boolean {
  return atMs === null || Number.isSafeInteger(atMs);
}

function nameTaken(name: string): GatewayKeyError {
  return new GatewayKeyError("key_name_taken", `there is a key named ${name}`, {
    fix: `Take another name, or end that one: agent auth-gateway key revoke ${name}`,
  });
}

function tooMany(): GatewayKeyError {
  return new GatewayKeyError("too_many_keys", `there are ${MAX_LIVING_KEYS} keys`, {
    fix: "Revoke those that nobody uses; see `agent auth-gateway key list`.",
  });
}

function unknownKey(typed: string): GatewayKeyError {
  // What was typed may be a secret instead of a name; it is not repeated unless it can be a name.
  const which = NAME.test(typed) ? `named ${typed}` : "of that name";
  return new GatewayKeyError("key_unknown", `there is no living key ${which}`, {
    fix: "See `agent auth-gateway key list`.",
  });
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
