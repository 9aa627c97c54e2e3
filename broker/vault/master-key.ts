// What a master key is and where one may come from: the contract of the files in key-sources/.
// Refuses text that is not exactly one key; no message ever shows what was read.

import { randomBytes } from "node:crypto";
import { MasterKeyError } from "../errors.ts";
import { MASTER_KEY_BYTES } from "./seal.ts";

/** Where a master key comes from. */
export interface MasterKeySource {
  /** Tells the operator which key is meant, e.g. a path; never the key. */
  readonly name: string;
  /** The key; `mayCreate` is false when a vault exists already. Throws MasterKeyError. */
  read(options: { mayCreate: boolean }): Uint8Array;
  /** A key that an interrupted rekey left beside the current one. */
  readonly pending?: PendingKey;
}

/** The key that an interrupted rekey may have moved the vault to. */
export interface PendingKey {
  /** The key; undefined when there is none. */
  read(): Uint8Array | undefined;
  /** Makes it the current one. */
  adopt(): void;
}

/** The key that a rekey moves the vault to. */
export interface NextKey {
  readonly key: Uint8Array;
  /** Keeps it durably beside the current one, in the transaction of the rekey: another one must not write over it. */
  readonly keep?: () => void;
  /** Makes it the current one, once the vault is sealed with it. */
  readonly adopt?: () => void;
}

/** A new random key as one line of base64url. */
export function createKeyText(): string {
  return `${randomBytes(MASTER_KEY_BYTES).toString("base64url")}\n`;
}

/** The key that a text holds; `name` says where it was read. Throws MasterKeyError `master_key_invalid`. */
export function parseKey(text: string, name: string): Uint8Array {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, "base64url");
  if (key.length === MASTER_KEY_BYTES && key.toString("base64url") === trimmed) return key;
  throw new MasterKeyError("master_key_invalid", `${name} is not a vault key`, {
    fix: "A key is 32 random bytes as base64url. Restore the one that belongs to vault.db; nothing was changed.",
  });
}

/** The error for a source that has no key, while a vault is there that needs one. */
export function missingKey(name: string): MasterKeyError {
  return new MasterKeyError(
    "master_key_missing",
    `${name} is gone, but the vault it seals is there`,
    { fix: "Restore it from a backup, or move vault.db away to start with an empty vault." },
  );
}
