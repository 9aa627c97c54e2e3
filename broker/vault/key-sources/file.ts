// The default: `vault.key` beside the vault, mode 0600, made on first use.
// Refuses to make a new key when a vault exists that only the lost one could open.

import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { readOrCreatePrivateFile, readPrivateFile, writePrivateFile } from "#platform";
import {
  createKeyText,
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
  prepare: (_setting, { home }) => {
    const path = keyPath(home);
    const text = createKeyText();
    const keep = () => {
      adoptIfAlone(nextPath(path), path);
      writePrivateFile(nextPath(path), text);
    };
    return { key: parseKey(text, path), keep, adopt: pendingFile(path).adopt };
  },
};

/** The key file that a home directory keeps beside its vault. */
export function homeMasterKey(home: string): MasterKeySource {
  const path = keyPath(home);
  const pending = pendingFile(path);
  return {
    name: path,
    read: ({ mayCreate }) => {
      if (mayCreate) return parseBytes(readOrCreatePrivateFile(path, createKeyText), path);
      const bytes = readPrivateFile(path);
      const key = bytes ? parseBytes(bytes, path) : pending.read();
      if (key === undefined) throw missingKey(path);
      return key;
    },
    pending,
  };
}

function pendingFile(path: string): PendingKey {
  const next = nextPath(path);
  return {
    read: () => {
      const bytes = readPrivateFile(next);
      return bytes && parseBytes(bytes, next);
    },
    adopt: () => adoptFile(next, path),
  };
}

/** Puts a prepared file in the place of the current one; another process may have done so first. */
export function adoptFile(next: string, path: string): void {
  try {
    renameSync(next, path);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isGone) throw error;
  }
}

/** Settles a change that was interrupted, so that what it prepared is not written over while it may be in use. */
export function adoptIfAlone(next: string, path: string): void {
  if (!existsSync(path)) adoptFile(next, path);
}

/** Where what replaces a file is prepared. */
export function nextPath(path: string): string {
  return `${path}.next`;
}

function keyPath(home: string): string {
  return join(home, "vault.key");
}

function parseBytes(bytes: Uint8Array, path: string): Uint8Array {
  return parseKey(Buffer.from(bytes).toString("latin1"), path);
}
