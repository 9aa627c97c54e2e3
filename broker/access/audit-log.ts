// The append-only log of who did what with the credentials, in a file of its own so that its growth and its full
// disk leave the vault alone. A record counts only once it is on disk; where that fails, so must what it is about.
// Refuses to go on after a log that was cut off or replaced: that is evidence, not a file to write over.

import { join } from "node:path";
import { type Database, openDatabase } from "#platform";
import type { IndexKey } from "../vault/seal.ts";
import { AuditBroken, AuditUnavailable } from "./access-errors.ts";
import {
  type AuditRecord,
  type ChainBreak,
  type ChainHead,
  GENESIS,
  isSameHash,
  link,
  walkChain,
} from "./audit-chain.ts";
import { auditContent, type AuditContent, type AuditEvent } from "./audit-event.ts";
import { AuditHead } from "./audit-head.ts";
import { AUDIT_MIGRATIONS } from "./audit-schema.ts";

/** A record that is not on disk by then is refused, in ms; a blocked log never holds a request for longer. */
export const AUDIT_TIMEOUT_MS = 1000;
/** How often a log that another process is writing to is tried again, in ms. */
const RETRY_MS = 10;
/** Most records waiting for the disk; more are refused at once. */
export const MAX_WAITING_RECORDS = 10_000;
/** How long after a record the head file is written, in ms; one writing covers all records until then. */
export const HEAD_DELAY_MS = 1000;

/** The verdict over a whole log. */
export type AuditVerdict =
  | {
      readonly isIntact: true;
      readonly records: number;
      /** How far the head file vouches for; the loss of later records would not show. */
      readonly vouchedFor: number;
    }
  | ({ readonly isIntact: false } & ChainBreak);

interface Waiting {
  readonly content: AuditContent;
  readonly untilMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const HEAD_MISSING = "audit.head is missing";
const CUT_OFF = "it is missing, and all after it";
const COLUMNS = `seq, at_ms AS atMs, actor, action, target, outcome, detail, request_id AS requestId`;

/** Where the audit log of a home directory is. */
export function auditPath(home: string): string {
  return join(home, "audit.db");
}

/** Where the head file of that log is. */
export function auditHeadPath(home: string): string {
  return join(home, "audit.head");
}

/** An open audit log; several processes may append to the same one. */
export class AuditLog {
  readonly #database: Database;
  readonly #key: Uint8Array;
  readonly #headFile: AuditHead;
  readonly #nowMs: () => number;
  readonly #selectHead;
  readonly #selectHash;
  readonly #insert;
  readonly #append;
  readonly #writeHead;
  #waiting: Waiting[] = [];
  #known: ChainHead | undefined;
  #isFlushing = false;
  #headTimer: ReturnType<typeof setTimeout> | undefined;

  /** Opens the log, made on first use. `index` is the vault's. Throws DatabaseError. */
  static open(
    home: string,
    { index, nowMs = Date.now }: { index: IndexKey; nowMs?: () => number },
  ): AuditLog {
    const database = openDatabase(auditPath(home), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: "FULL",
      // The start of a broker must not take longer with every record; verify() checks the file.
      isChecked: false,
    });
    return new AuditLog(database, home, { index, nowMs });
  }

  private constructor(
    database: Database,
    home: string,
    { index, nowMs }: { index: IndexKey; nowMs: () => number },
  ) {
    // Waiting inside SQLite would stop the whole process; a busy file is tried again from a timer instead.
    database.pragma("busy_timeout = 0");
    this.#database = database;
    this.#key = index.derive("audit");
    this.#headFile = new AuditHead(auditHeadPath(home), index.derive("audit-head"));
    this.#nowMs = nowMs;
    this.#selectHead = database.prepare<[], ChainHead>(
      "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
    );
    this.#selectHash = database.prepare<[number], ChainHead>(
      "SELECT seq, hash FROM audit WHERE seq = ?",
    );
    this.#insert = database.prepare<[AuditContent & ChainHead]>(
      `INSERT INTO audit (seq, at_ms, actor, action, target, outcome, detail, request_id, hash)
       VALUES (@seq, @atMs, @actor, @action, @target, @outcome, @detail, @requestId, @hash)`,
    );
    this.#append = database.transaction((batch: readonly Waiting[]) => this.#appendAll(batch));
    this.#writeHead = database.transaction(() => this.#headFile.write(this.#currentHead()));
  }

  /**
   * Resolves when the event is durable. Rejects with AuditUnavailable or AuditBroken when it is not, within
   * AUDIT_TIMEOUT_MS; then what it is about must not happen. Events of one turn of the event loop share a commit.
   */
  record(event: AuditEvent): Promise<void> {
    if (!this.#database.open) return Promise.reject(new AuditUnavailable("it is closed"));
    if (this.#waiting.length >= MAX_WAITING_RECORDS) {
      return Promise.reject(new AuditUnavailable("too many records are waiting for the disk"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const content = auditContent(event, this.#nowMs());
    const untilMs = performance.now() + AUDIT_TIMEOUT_MS;
    this.#waiting.push({ content, untilMs, resolve, reject });
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    }
    return promise;
  }

  /** The last records, oldest first. */
  recent({ sinceMs, limit }: { sinceMs: number; limit: number }): AuditRecord[] {
    return this.#database
      .prepare<[number, number], AuditRecord>(
        `SELECT ${COLUMNS} FROM audit WHERE at_ms >= ? ORDER BY seq DESC LIMIT ?`,
      )
      .all(sinceMs, limit)
      .toReversed();
  }

  /** Walks the whole chain; see audit-head.ts for what no such walk can show. */
  verify(): AuditVerdict {
    // First the head file, then the records: it may only grow meanwhile.
    const vouched = this.#readHead();
    let hashWhereVouched: Uint8Array | undefined;
    const end = walkChain(this.#key, this.#rows(), ({ seq, hash }) => {
      if (seq === vouched.seq) hashWhereVouched = hash;
    });
    if ("problem" in end) return { isIntact: false, ...end };
    const { seq } = end;
    if (vouched.problem !== undefined) return { isIntact: false, seq, problem: vouched.problem };
    if (vouched.seq > seq) return { isIntact: false, seq: seq + 1, problem: CUT_OFF };
    if (vouched.seq > 0 && !isSameHash(hashWhereVouched ?? GENESIS.hash, vouched.hash)) {
      return { isIntact: false, seq: vouched.seq, problem: "it is not the one in audit.head" };
    }
    if (!this.#isSound()) return { isIntact: false, seq, problem: "the file is damaged elsewhere" };
    return { isIntact: true, records: seq, vouchedFor: vouched.seq };
  }

  /** Writes what waits, or refuses it, and closes the file. */
  close(): void {
    if (this.#waiting.length > 0) this.#flush();
    this.#refuse(this.#waiting.splice(0), new AuditUnavailable("it is closed"));
    clearTimeout(this.#headTimer);
    if (this.#headTimer !== undefined) this.#keepHead();
    clearTimeout(this.#headTimer);
    this.#database.close();
  }

  #flush(): void {
    if (!this.#database.open) return;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#isFlushing = false;
    try {
      this.#known = this.#append.immediate(batch);
    } catch (error) {
      if (isBusy(error)) this.#retryLater(batch, error);
      else this.#refuse(batch, refusal(error));
      return;
    }
    for (const { resolve } of batch) resolve();
    this.#headTimer ??= setTimeout(() => this.#keepHead(), HEAD_DELAY_MS).unref();
  }

  #retryLater(batch: readonly Waiting[], error: unknown): void {
    const nowMs = performance.now();
    const [late, early] = [
      batch.filter(({ untilMs }) => untilMs <= nowMs),
      batch.filter(({ untilMs }) => untilMs > nowMs),
    ];
    this.#refuse(late, new AuditUnavailable("another process holds it", { cause: error }));
    this.#waiting = [...early, ...this.#waiting];
    if (this.#waiting.length === 0) return;
    this.#isFlushing = true;
    setTimeout(() => this.#flush(), RETRY_MS);
  }

  #refuse(batch: readonly Waiting[], error: Error): void {
    for (const { reject } of batch) reject(error);
  }

  #appendAll(batch: readonly Waiting[]): ChainHead {
    let head = this.#currentHead();
    this.#assertContinues(head);
    for (const { content } of batch) {
      head = link(this.#key, head, content);
      this.#insert.run({ ...content, ...head });
    }
    return head;
  }

  // Whoever cut the end off a log must not find it continued, and the head file with it, as if nothing was missing.
  #assertContinues(head: ChainHead): void {
    const known = this.#known ?? this.#headFile.read();
    if (known !== undefined) return this.#assertHolds(known);
    if (head.seq > 0) throw new AuditBroken(HEAD_MISSING);
    this.#headFile.write(GENESIS);
  }

  #assertHolds(known: ChainHead): void {
    if (known.seq === 0) return;
    const found = this.#selectHash.get(known.seq);
    if (found && isSameHash(found.hash, known.hash)) return;
    throw new AuditBroken(`it once held record ${known.seq}, and does not any more`);
  }

  #currentHead(): ChainHead {
    return this.#selectHead.get() ?? GENESIS;
  }

  // Under the write lock: of two processes the one that is behind must not write last.
  #keepHead(): void {
    this.#headTimer = undefined;
    try {
      this.#writeHead.immediate();
    } catch {
      // The records themselves are safe; until it works, verify() says how few of them the file vouches for.
      this.#headTimer = setTimeout(() => this.#keepHead(), HEAD_DELAY_MS).unref();
    }
  }

  #isSound(): boolean {
    try {
      return this.#database.pragma("quick_check(1)", { simple: true }) === "ok";
    } catch {
      return false;
    }
  }

  #rows(): Iterable<unknown> {
    return this.#database
      .prepare<[], unknown>(`SELECT ${COLUMNS}, hash FROM audit ORDER BY seq`)
      .iterate();
  }

  #readHead(): ChainHead & { readonly problem?: string } {
    try {
      const head = this.#headFile.read();
      if (head !== undefined) return head;
      return this.#currentHead().seq === 0 ? GENESIS : { ...GENESIS, problem: HEAD_MISSING };
    } catch (error) {
      if (!(error instanceof AuditBroken)) throw error;
      return { ...GENESIS, problem: error.message };
    }
  }
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && /^SQLITE_(?:BUSY|LOCKED)/.test(`${error.code}`)
  );
}

function refusal(error: unknown): Error {
  if (error instanceof AuditBroken) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "unexpected error";
  return new AuditUnavailable(code, { cause: error });
}
