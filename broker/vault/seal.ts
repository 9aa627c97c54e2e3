// Seals values for storage: AES-256-GCM under a data key of their own, that key sealed by the master key, both
// bound to the place where the value is stored. Refuses to open a value anywhere else, so that whoever can
// write the file cannot swap two rows; and a new master key needs only the data keys to be sealed again.

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SealBroken } from "../errors.ts";

/** Length of the master key, in bytes. */
export const MASTER_KEY_BYTES = 32;

/** The first byte of a sealed value: under a data key, or (vaults made before there were any) the master key. */
const ENVELOPE = 2;
const DIRECT = 1;
const DATA_KEY_BYTES = 32;
// 96 bits, random: NIST SP 800-38D §8.2.2 allows 2^32 seals under one key.
const IV_BYTES = 12;
const TAG_BYTES = 16;
const BOX_OVERHEAD_BYTES = IV_BYTES + TAG_BYTES;
const WRAPPED_KEY_BYTES = BOX_OVERHEAD_BYTES + DATA_KEY_BYTES;

/** Where a sealed value lives; it opens nowhere else. */
export interface SealPlace {
  readonly table: string;
  readonly rowId: number;
  readonly column: string;
}

/** Seals and opens under one master key. */
export class Seal {
  readonly #wrapKey: Uint8Array;
  readonly #directKey: Uint8Array;
  readonly #masterKey: Uint8Array;

  constructor(masterKey: Uint8Array) {
    this.#masterKey = masterKey;
    this.#wrapKey = deriveKey(masterKey, "parley/vault/wrap/1");
    this.#directKey = deriveKey(masterKey, "parley/vault/seal/1");
  }

  /** Encrypts text for one place: version byte, sealed data key, sealed text. */
  seal(text: string, place: SealPlace): Uint8Array {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    const wrapped = box(dataKey, this.#wrapKey, additionalData(ENVELOPE, place, "key"));
    const body = box(Buffer.from(text, "utf8"), dataKey, additionalData(ENVELOPE, place, "value"));
    return Buffer.concat([Buffer.of(ENVELOPE), wrapped, body]);
  }

  /** Decrypts what `seal` made for the same place; throws SealBroken for anything else. */
  open(sealed: Uint8Array, place: SealPlace): string {
    try {
      return unbox(...this.#parts(sealed, place)).toString("utf8");
    } catch (cause) {
      throw new SealBroken(name(place), { cause });
    }
  }

  /** The same sealed value for another master key; the text itself is never in the clear. */
  rewrap(sealed: Uint8Array, place: SealPlace, next: Seal): Uint8Array {
    if (sealed[0] !== ENVELOPE) return next.seal(this.open(sealed, place), place);
    const additional = additionalData(ENVELOPE, place, "key");
    try {
      const dataKey = unbox(sealed.subarray(1, 1 + WRAPPED_KEY_BYTES), this.#wrapKey, additional);
      const wrapped = box(dataKey, next.#wrapKey, additional);
      return Buffer.concat([Buffer.of(ENVELOPE), wrapped, sealed.subarray(1 + WRAPPED_KEY_BYTES)]);
    } catch (cause) {
      throw new SealBroken(name(place), { cause });
    }
  }

  /** The key that seals this vault's backups. */
  backupKey(): Uint8Array {
    return deriveKey(this.#masterKey, "parley/vault/backup/1");
  }

  /** The key under which a vault of this master key fingerprints, unless the vault holds another. */
  defaultIndexKey(): Uint8Array {
    return deriveKey(this.#masterKey, "parley/vault/fingerprint/1");
  }

  #parts(sealed: Uint8Array, place: SealPlace): [Uint8Array, Uint8Array, Uint8Array] {
    if (sealed[0] === DIRECT) {
      return [sealed.subarray(1), this.#directKey, additionalData(DIRECT, place)];
    }
    if (sealed[0] !== ENVELOPE) throw new RangeError("unknown version");
    const wrapped = sealed.subarray(1, 1 + WRAPPED_KEY_BYTES);
    const dataKey = unbox(wrapped, this.#wrapKey, additionalData(ENVELOPE, place, "key"));
    const body = sealed.subarray(1 + WRAPPED_KEY_BYTES);
    return [body, dataKey, additionalData(ENVELOPE, place, "value")];
  }
}

/** Keyed hashes and derived keys of one vault; the same whatever its master key is, and worthless without. */
export class IndexKey {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Keyed hash: equal for equal text, and worthless to whoever holds only the database. */
  fingerprint(text: string): Uint8Array {
    return createHmac("sha256", this.#key).update(text, "utf8").digest();
  }

  /** A key for another purpose of the same vault, e.g. `audit`; 32 bytes. */
  derive(purpose: string): Uint8Array {
    return deriveKey(this.#key, `parley/vault/${purpose}`);
  }
}

function box(plain: Uint8Array, key: Uint8Array, additional: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(additional);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

function unbox(boxed: Uint8Array, key: Uint8Array, additional: Uint8Array): Buffer {
  if (boxed.length < BOX_OVERHEAD_BYTES) throw new RangeError("too short");
  const iv = boxed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(additional);
  decipher.setAuthTag(boxed.subarray(IV_BYTES, BOX_OVERHEAD_BYTES));
  const body = decipher.update(boxed.subarray(BOX_OVERHEAD_BYTES));
  return Buffer.concat([body, decipher.final()]);
}

function deriveKey(key: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), purpose, 32));
}

function additionalData(version: number, { table, rowId, column }: SealPlace, part?: string) {
  const place = `${version}|${table}|${rowId}|${column}`;
  return Buffer.from(part === undefined ? place : `${place}|${part}`, "utf8");
}

function name({ table, rowId, column }: SealPlace): string {
  return `${table} row ${rowId}, ${column},`;
}
