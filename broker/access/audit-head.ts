// The file beside the audit log that remembers how far it had got, so that cutting off its end shows. It is written
// at most once a second and at close: what it cannot show is the loss of records younger than its last writing, and
// an older copy of log and head put back together. Sending the log elsewhere is the answer to those.

import { createHmac } from "node:crypto";
import { readPrivateFile, writePrivateFile } from "#platform";
import { parseJson } from "#wire";
import { z } from "zod";
import { AuditBroken } from "./access-errors.ts";
import { type ChainHead, isSameHash } from "./audit-chain.ts";

const HEX_32_BYTES = /^[0-9a-f]{64}$/;
const HeadFile = z.strictObject({
  seq: z.int().nonnegative(),
  hash: z.string().regex(HEX_32_BYTES),
  tag: z.string().regex(HEX_32_BYTES),
});

/** The head file at a path, authenticated under a key of its own. */
export class AuditHead {
  readonly #path: string;
  readonly #key: Uint8Array;

  constructor(path: string, key: Uint8Array) {
    this.#path = path;
    this.#key = key;
  }

  /** What was written last; undefined when there is no file. Throws AuditBroken for a forged or damaged one. */
  read(): ChainHead | undefined {
    const bytes = readPrivateFile(this.#path);
    if (bytes === undefined) return undefined;
    const file = HeadFile.safeParse(parsed(bytes));
    if (!file.success) throw new AuditBroken("audit.head is damaged");
    const head = { seq: file.data.seq, hash: Buffer.from(file.data.hash, "hex") };
    if (isSameHash(this.#tag(head), Buffer.from(file.data.tag, "hex"))) return head;
    throw new AuditBroken("audit.head was not written with the key of this vault");
  }

  /** Replaces the file, durably. Throws PrivateFileError. */
  write(head: ChainHead): void {
    const content = { seq: head.seq, hash: hex(head.hash), tag: hex(this.#tag(head)) };
    writePrivateFile(this.#path, `${JSON.stringify(content)}\n`);
  }

  #tag({ seq, hash }: ChainHead): Uint8Array {
    return createHmac("sha256", this.#key)
      .update(`${seq} ${hex(hash)}`)
      .digest();
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseJson(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
