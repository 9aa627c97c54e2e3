// Seals a spooled answer under a key of its own attempt. The exchange child loads this too, so it imports nothing
// of ours. Refuses to open an answer of another attempt.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The key of one attempt, from the vault's key for spools. */
export function attemptKey(vaultKey: Uint8Array, attemptId: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", vaultKey, new Uint8Array(0), attemptId, 32));
}

/** Encrypts (AES-256-GCM) the answer of one attempt. */
export function sealAnswer(text: string, key: Uint8Array, attemptId: string): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(attemptId));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

/** Decrypts what `sealAnswer` made for the same attempt; throws for anything else. */
export function openAnswer(sealed: Uint8Array, key: Uint8Array, attemptId: string): string {
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_BYTES), options)
    .setAAD(Buffer.from(attemptId))
    .setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  const body = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
  return Buffer.concat([body, decipher.final()]).toString("utf8");
}
