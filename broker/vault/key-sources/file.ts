// The default: `vault.key` beside the vault, mode 0600, made on first use.
// Refuses to make a new key when a vault exists that only the lost one could open.

import { renameSync } from "node:fs";
import { join } from "node:path";
import { readOrCreatePrivateFile, readPrivateFile, writePrivateFile } from "#platform";
import {
  createKeyText,
  formatKey,
  type MasterKeySource,
  missingKey,
  parseKey,
  type PendingKey,
} from "../master-key.ts";
import type { KeySource } from "./key-source.ts";

/** `vault.key: file`. */
export const fileKey: KeySource = {
  id: "file",
  doc: "`file`: `vault.key` beside the vault, made on first use",
  accepts: (setting) => setting === "file",
  open: (_setting, { home }) => homeMasterKey(home),
};

/** The key file that a home directory keeps beside its vault. */
export function homeMasterKey(home: string): MasterKeySource {
  const path = join(home, "vault.key");
  return {
    name: path,
    read: ({ mayCreate }) => {
      const bytes = mayCreate
        ? readOrCreatePrivateFile(path, createKeyText)
        : readPrivateFile(path);
      if (bytes === undefined) throw missingKey(path);
      return parseKey(Buffer.from(bytes).toString("latin1"), path);
    },
    pending: pendingFile(path),
  };
}

function pendingFile(path: string): PendingKey {
  const next = `${path}.next`;
  return {
    write: (key) => writePrivateFile(next, formatKey(key)),
    read: () => {
      const bytes = readPrivateFile(next);
      return bytes && parseKey(Buffer.from(bytes).toString("latin1"), next);
    },
    adopt: () => {
      const bytes = readPrivateFile(next);
      if (bytes === undefined) return;
      // Written whole and durable, then the leftover is gone: a crash between the two leaves both, which agree.
      writePrivateFile(path, bytes);
      renameSync(next, path);
    },
  };
}
