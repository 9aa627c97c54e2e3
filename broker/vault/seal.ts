// Seals values for storage with AES-256-GCM, each bound to the place where it is stored.
// Refuses to open a value anywhere else, so that whoever can write the file cannot swap two rows.

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SealBroken } from "../errors.ts";

/** Length of the master key, in bytes. */
export const MASTER_KEY_BYTES = 32;

const VERSION = 1;
// 96 bits, random: NIST SP 800-38D §8.2.2 allows 2^32 seals under one key.
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + IV_BYTES + TAG_BYTES;

/** Where a sealed value lives; it opens nowhere else. */
export interface SealPlace {
  readonly table: string;
  readonly rowId: number;
  readonly column: string;
}

/** Seals, opens and fingerprints under keys derived from one master key. */
export class Seal {
  readonly #sealKey: Uint8Array;
  readonly #fingerprintKey: Uint8Array;

  constructor(masterKey: Uint8Array) {
    this.#sealKey = deriveKey(masterKey, "parley/vault/seal/1");
    this.#fingerprintKey = deriveKey(masterKey, "parley/vault/fingerprint/1");
  }

  /** Encrypts text for one place: version byte, IV, tag, ciphertext. */
  seal(text: string, place: SealPlace): Uint8Array {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#sealKey, iv);
    cipher.setAAD(additionalData(place));
    const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), iv, cipher.getAuthTag(), body]);
  }

  /** Decrypts what `seal` made for the same place; throws SealBroken for anything else. */
  open(sealed: Uint8Array, place: SealPlace): string {
    if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) throw new SealBroken(name(place));
    const iv = sealed.subarray(1, 1 + IV_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#sealKey, iv, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(additionalData(place));
    decipher.setAuthTag(sealed.subarray(1 + IV_BYTES, HEADER_BYTES));
    try {
      const body = decipher.update(sealed.subarray(HEADER_BYTES));
      return Buffer.concat([body, decipher.final()]).toString("utf8");
    } catch (cause) {
      throw new SealBroken(name(place), { cause });
    }
  }

  /** Keyed hash: equal for equal text, and worthless to whoever holds only the database. */
  fingerprint(text: string): Uint8Array {
    return createHmac("sha256", this.#fingerprintKey).update(text, "utf8").digest();
  }
}

function deriveKey(masterKey: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", masterKey, new Uint8Array(0), purpose, 32));
}

function additionalData({ table, rowId, column }: SealPlace): Uint8Array {
  return Buffer.from(`${VERSION}|${table}|${rowId}|${column}`, "utf8");
}

function name({ table, rowId, column }: SealPlace): string {
  return `${table} row ${rowId}, ${column},`;
}
