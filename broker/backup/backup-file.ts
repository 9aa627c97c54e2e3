// One encrypted file that holds a whole vault: written by `backup`, read by `restore`.
// Refuses a file that was altered, cut short, or sealed by another key, before anything of it is used.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Secret } from "#platform";
import { parseJson } from "#wire";
import { z } from "zod";
import { BrokerError } from "../errors.ts";
import {
  KdfParameters,
  keyFromPassphrase,
  newParameters,
} from "../vault/key-sources/passphrase.ts";

/** Largest backup that is read back, in bytes. */
export const MAX_BACKUP_BYTES = 1024 * 1024 * 1024;

const MAGIC = Buffer.from("PARLEYBK");
const HEADER_LENGTH_BYTES = 4;
const MAX_HEADER_BYTES = 4096;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** How the content is sealed: by a key of the vault it came from, or by a passphrase, which needs no vault. */
const BackupHeader = z.discriminatedUnion("sealedBy", [
  z.strictObject({ version: z.literal(1), createdAtMs: z.number(), sealedBy: z.literal("vault") }),
  z.strictObject({
    version: z.literal(1),
    createdAtMs: z.number(),
    sealedBy: z.literal("passphrase"),
    parameters: KdfParameters,
  }),
]);
/** What a backup says of itself in the clear. */
export type BackupHeader = z.infer<typeof BackupHeader>;

/** What opens a backup: a passphrase, or the key that the vault's master key makes. */
export type BackupKey = { readonly passphrase: Secret } | { readonly vaultKey: Uint8Array };

/** Seals a vault's bytes. */
export function sealBackup(content: Uint8Array, key: BackupKey, createdAtMs: number): Uint8Array {
  const header: BackupHeader =
    "passphrase" in key
      ? { version: 1, createdAtMs, sealedBy: "passphrase", parameters: newParameters() }
      : { version: 1, createdAtMs, sealedBy: "vault" };
  const prefix = encodeHeader(header);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", contentKey(header, key), iv);
  cipher.setAAD(prefix);
  const body = Buffer.concat([cipher.update(content), cipher.final()]);
  return Buffer.concat([prefix, iv, cipher.getAuthTag(), body]);
}

/** What a backup says of itself. Throws BrokerError `backup_unreadable`. */
export function readBackupHeader(file: Uint8Array): BackupHeader {
  return splitBackup(file).header;
}

/** The vault's bytes. Throws BrokerError `backup_unreadable`, and then tells nothing of the content. */
export function openBackup(file: Uint8Array, key: BackupKey): Uint8Array {
  const { header, prefix, sealed } = splitBackup(file);
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", contentKey(header, key), iv, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(prefix);
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    const body = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]);
  } catch (cause) {
    const keyName = header.sealedBy === "passphrase" ? "passphrase" : "vault key";
    throw unreadable(`it was altered or cut short, or this is not its ${keyName}`, cause);
  }
}

function contentKey(header: BackupHeader, key: BackupKey): Uint8Array {
  if (header.sealedBy === "passphrase" && "passphrase" in key) {
    return keyFromPassphrase(key.passphrase, header.parameters);
  }
  if (header.sealedBy === "vault" && "vaultKey" in key) return key.vaultKey;
  throw unreadable(`it is sealed by a ${header.sealedBy === "vault" ? "vault key" : "passphrase"}`);
}

function encodeHeader(header: BackupHeader): Buffer {
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const length = Buffer.alloc(HEADER_LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([MAGIC, length, text]);
}

function splitBackup(file: Uint8Array) {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const textFrom = MAGIC.length + HEADER_LENGTH_BYTES;
  if (buffer.length < textFrom || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw unreadable("it is not a backup made by `agent auth-broker backup`");
  }
  const textLength = buffer.readUInt32BE(MAGIC.length);
  const bodyFrom = textFrom + textLength;
  if (textLength > MAX_HEADER_BYTES || buffer.length < bodyFrom + IV_BYTES + TAG_BYTES) {
    throw unreadable("it was cut short");
  }
  return {
    header: parseHeader(buffer.subarray(textFrom, bodyFrom).toString("utf8")),
    prefix: buffer.subarray(0, bodyFrom),
    sealed: buffer.subarray(bodyFrom),
  };
}

function parseHeader(text: string): BackupHeader {
  try {
    return BackupHeader.parse(parseJson(text));
  } catch (cause) {
    throw unreadable("its header is damaged, or written by a newer release", cause);
  }
}

function unreadable(problem: string, cause?: unknown): BrokerError {
  return new BrokerError("backup_unreadable", `the backup cannot be opened: ${problem}`, {
    fix: "Nothing was changed. Use another copy, or the key that belongs to this one.",
    cause,
  });
}
