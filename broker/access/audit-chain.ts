// The chain that makes the audit log tamper-evident: each record's hash covers the record and the hash before it,
// under a key that is not in the file. Finds the first record that is not as it was written.

import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { AUDIT_ACTIONS, type AuditContent } from "./audit-event.ts";

/** One record, numbered from 1 without gaps. */
export interface AuditRecord extends AuditContent {
  readonly seq: number;
}

/** How far the chain has got. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** Before the first record. */
export const GENESIS: ChainHead = { seq: 0, hash: new Uint8Array(32) };

/** A row as the file has it: anything may be in there. */
const StoredRecord = z.strictObject({
  seq: z.int(),
  atMs: z.number(),
  actor: z.string(),
  action: z.enum(AUDIT_ACTIONS),
  target: z.string(),
  outcome: z.enum(["ok", "refused", "failed"]),
  detail: z.string(),
  requestId: z.string(),
  hash: z.instanceof(Uint8Array),
});

/** The head after one more record; its hash is HMAC-SHA256(key, previous hash ‖ canonical record). */
export function link(key: Uint8Array, previous: ChainHead, content: AuditContent): ChainHead {
  const seq = previous.seq + 1;
  const hash = createHmac("sha256", key)
    .update(previous.hash)
    .update(canonical({ ...content, seq }))
    .digest();
  return { seq, hash };
}

/** What is wrong with a log. */
export interface ChainBreak {
  /** The first record that is not as it was written, or is missing; the last one when all of them are well. */
  readonly seq: number;
  readonly problem: string;
}

/** Walks rows in the order of `seq`; the head of the whole chain, or where it breaks first. */
export function walkChain(
  key: Uint8Array,
  rows: Iterable<unknown>,
  visit: (head: ChainHead) => void = () => {},
): ChainHead | ChainBreak {
  let head = GENESIS;
  try {
    for (const row of rows) {
      const seq = head.seq + 1;
      const stored = StoredRecord.safeParse(row);
      if (!stored.success) return { seq, problem: "it is not a record" };
      const { hash, ...record } = stored.data;
      if (record.seq !== seq) return { seq, problem: "it is missing" };
      const next = link(key, head, record);
      if (!isSameHash(next.hash, hash)) return { seq, problem: "it was altered" };
      head = next;
      visit(head);
    }
    return head;
  } catch (error) {
    // SQLite stops at a page it cannot make sense of.
    return { seq: head.seq + 1, problem: `it cannot be read (${reason(error)})` };
  }
}

/** Compares hashes in constant time, whatever the lengths. */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

// An array, because its order is fixed; the version leads, so that a later format cannot be taken for this one.
function canonical(record: AuditRecord): string {
  const { seq, atMs, actor, action, target, outcome, detail, requestId } = record;
  return JSON.stringify([1, seq, atMs, actor, action, target, outcome, detail, requestId]);
}

function reason(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
