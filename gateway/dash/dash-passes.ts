// Who may look at /dash: a link that works once and soon, and what it is exchanged for, the pass of one browser tab.
// Both are kept as hashes in gateway.db, so any process of this home may make a link and any gateway of it knows it.
// Refuses to be a key: with a pass one can read sums, and nothing else.

import { createHash } from "node:crypto";
import { createToken, type Database, openDatabase, registerSecret, writeDatabase } from "#platform";
import { gatewayDatabasePath } from "../keys/gateway-keys.ts";
import { KEY_MIGRATIONS } from "../keys/key-schema.ts";

/** How long a link waits to be opened, in ms. */
export const LINK_TTL_MS = 2 * 60_000;
/** How long a browser tab stays let in, in ms. */
export const SESSION_TTL_MS = 12 * 3_600_000;
/** Most links and sessions at once; the ones that end soonest make room. */
export const MAX_DASH_PASSES = 64;

const PREFIXES = { link: "pdl_", session: "pds_" } as const;
const PASS = /^pd[ls]_[A-Za-z0-9_-]{43}$/;

/** A secret and its end, in ms since the epoch. */
export interface DashPass {
  readonly secret: string;
  readonly expiresAtMs: number;
}

/** The passes of one home. */
export class DashPasses {
  readonly #database: Database;
  readonly #nowMs: () => number;

  /** Opens or makes gateway.db. Throws DatabaseError. */
  constructor(home: string, { nowMs = Date.now }: { nowMs?: () => number } = {}) {
    this.#database = openDatabase(gatewayDatabasePath(home), {
      migrations: KEY_MIGRATIONS,
      synchronous: "FULL",
    });
    this.#nowMs = nowMs;
  }

  /** A new link's secret; works once, within LINK_TTL_MS. */
  makeLink(): DashPass {
    return writeDatabase(this.#database, () => this.#make("link", LINK_TTL_MS));
  }

  /** Exchanges a link for a session; undefined when it was used, is over or never was. */
  redeem(link: string): DashPass | undefined {
    // A stranger's guess costs a look, and never the lock that writers wait for.
    if (!this.#isKept(link, "link")) return undefined;
    return writeDatabase(this.#database, () =>
      this.#remove(link) ? this.#make("session", SESSION_TTL_MS) : undefined,
    );
  }

  /** True for a session that is not over. */
  isOpen(session: string): boolean {
    return this.#isKept(session, "session");
  }

  /** Ends a session. */
  end(session: string): void {
    if (this.isOpen(session)) writeDatabase(this.#database, () => this.#remove(session));
  }

  /** Closes the file. */
  close(): void {
    this.#database.close();
  }

  #isKept(secret: string, kind: keyof typeof PREFIXES): boolean {
    if (!isPass(secret, kind)) return false;
    const found = this.#database
      .prepare<[Buffer, number]>("SELECT 1 FROM dash_passes WHERE hash = ? AND expires_at_ms > ?")
      .get(sha256(secret), this.#nowMs());
    return found !== undefined;
  }

  #make(kind: keyof typeof PREFIXES, ttlMs: number): DashPass {
    const nowMs = Math.floor(this.#nowMs());
    this.#database
      .prepare<[number, number]>(
        `DELETE FROM dash_passes WHERE expires_at_ms <= ? OR hash NOT IN
           (SELECT hash FROM dash_passes ORDER BY expires_at_ms DESC LIMIT ?)`,
      )
      .run(nowMs, MAX_DASH_PASSES - 1);
    const secret = createToken(PREFIXES[kind]);
    registerSecret(secret);
    const expiresAtMs = nowMs + ttlMs;
    this.#database
      .prepare<[Buffer, number]>("INSERT INTO dash_passes (hash, expires_at_ms) VALUES (?, ?)")
      .run(sha256(secret), expiresAtMs);
    return { secret, expiresAtMs };
  }

  #remove(secret: string): boolean {
    const { changes } = this.#database
      .prepare<[Buffer, number]>("DELETE FROM dash_passes WHERE hash = ? AND expires_at_ms > ?")
      .run(sha256(secret), this.#nowMs());
    return changes === 1;
  }
}

function isPass(text: string, kind: keyof typeof PREFIXES): boolean {
  return PASS.test(text) && text.startsWith(PREFIXES[kind]);
}

// By the whole hash, which says nothing about the secret however long the look-up takes.
function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
