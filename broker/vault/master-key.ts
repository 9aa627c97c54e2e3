// The key that seals the vault: 32 random bytes in a private file beside it, made on first use.
// Refuses to make a new key when a vault exists that only the lost one could open.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readOrCreatePrivateFile, readPrivateFile } from "#platform";
import { MasterKeyError } from "../errors.ts";
import { MASTER_KEY_BYTES } from "./seal.ts";

/** Where a master key comes from; a file is the only source so far. */
export interface MasterKeySource {
  /** Tells the operator which key is meant, e.g. a path; never the key. */
  readonly name: string;
  /** The key; `mayCreate` is false when a vault exists already. Throws MasterKeyError. */
  read(options: { mayCreate: boolean }): Uint8Array;
}

/** The key file of a home directory: base64url text, mode 0600. */
function masterKeyFile(path: string): MasterKeySource {
  return {
    name: path,
    read: ({ mayCreate }) => {
      const bytes = mayCreate
        ? readOrCreatePrivateFile(path, createKeyText)
        : readPrivateFile(path);
      if (bytes === undefined) throw missingKey(path);
      return parseKey(bytes, path);
    },
  };
}

/** The key file that a home directory keeps beside its vault. */
export function homeMasterKey(home: string): MasterKeySource {
  return masterKeyFile(join(home, "vault.key"));
}

function createKeyText(): string {
  return `${randomBytes(MASTER_KEY_BYTES).toString("base64url")}\n`;
}

function parseKey(bytes: Uint8Array, path: string): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1").trim();
  const key = Buffer.from(text, "base64url");
  if (key.length === MASTER_KEY_BYTES && key.toString("base64url") === text) return key;
  throw new MasterKeyError("master_key_invalid", `${path} is not a vault key`, {
    fix: "Restore it from the backup that belongs to vault.db; nothing was changed.",
  });
}

function missingKey(path: string): MasterKeyError {
  return new MasterKeyError(
    "master_key_missing",
    `${path} is gone, but the vault it seals is there`,
    {
      fix: "Restore it from a backup, or move vault.db away to start with an empty vault.",
    },
  );
}
