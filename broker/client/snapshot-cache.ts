// The last snapshot on disk, sealed, so that a client can start while its broker is down. Whatever is wrong
// with the file (its key, its place, its age, a single bit), it counts as absent: the broker is asked instead.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Logger, readPrivateFile, type Secret, writePrivateFile } from "#platform";
import { CredentialSnapshot, parseJson } from "#wire";

/** How old a cached snapshot may be, in ms. */
export const DEFAULT_SNAPSHOT_TTL_MS = 3_600_000;
/** At most one write in this time, in ms; the last state is the one written. */
export const WRITE_PAUSE_MS = 5_000;

/** Where the cache is unless auth.broker.snapshotCache says otherwise. */
export function snapshotCachePath(home: string): string {
  return join(home, "cache", "auth-broker-snapshot.enc");
}

/** What a cache is opened with. */
export interface SnapshotCacheOptions {
  readonly path: string;
  readonly token: Secret;
  /** The broker's URL; a cache of another broker is no cache. */
  readonly url: string;
  /** A cache of leases must not become one of keys, nor the other way round. */
  readonly isLeaseOnly: boolean;
  /** 0 neither reads nor writes. */
  readonly ttlMs?: number;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

/** One file. */
export class SnapshotCache {
  readonly #options: SnapshotCacheOptions;
  readonly #ttlMs: number;
  readonly #nowMs: () => number;
  #pending: (() => CredentialSnapshot) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasFailed = false;
  /** The generation last seen by this process: an older copy put back in its place is refused. */
  #lowest = 0;

  constructor(options: SnapshotCacheOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? DEFAULT_SNAPSHOT_TTL_MS;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** The cached snapshot, if it is fresh by the broker's own stamp. Never throws. */
  read(): CredentialSnapshot | undefined {
    if (this.#ttlMs === 0) return undefined;
    const { path, log } = this.#options;
    try {
      const sealed = readPrivateFile(path);
      if (sealed === undefined) return undefined;
      const snapshot = CredentialSnapshot.parse(parseJson(this.#open(sealed)));
      const problem = this.#problemOf(snapshot);
      if (problem === undefined) return snapshot;
      log.debug("cached snapshot ignored", { path, problem });
    } catch (error) {
      // The error may be Zod's or the cipher's; neither belongs in a log beside secrets.
      const problem = error instanceof Error ? error.name : "unreadable";
      log.debug("cached snapshot ignored", { path, problem });
    }
    return undefined;
  }

  /** Writes a snapshot now, or, when the last write was just now, the latest one a little later. Never throws. */
  save(latest: () => CredentialSnapshot): void {
    if (this.#ttlMs === 0) return;
    this.#pending = latest;
    if (this.#timer !== undefined) return;
    this.#write();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#pending) this.save(this.#pending);
    }, WRITE_PAUSE_MS);
    this.#timer.unref();
  }

  /** Writes what is still to be written, and nothing after that. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#write();
  }

  #write(): void {
    const latest = this.#pending;
    if (latest === undefined) return;
    this.#pending = undefined;
    const { path, log } = this.#options;
    try {
      const snapshot = latest();
      writePrivateFile(path, this.#seal(JSON.stringify(snapshot)));
      this.#lowest = snapshot.generation;
      this.#hasFailed = false;
    } catch (error) {
      // A full disk must not take the keys away; once is enough to say so.
      if (!this.#hasFailed) log.warn("the snapshot could not be cached", { path, error });
      this.#hasFailed = true;
    }
  }

  #problemOf({ generation, generatedAt }: CredentialSnapshot): string | undefined {
    const ageMs = this.#nowMs() - generatedAt;
    if (ageMs < 0) return "from the future";
    if (ageMs >= this.#ttlMs) return "too old";
    return generation < this.#lowest ? "older than one already seen" : undefined;
  }

  #seal(text: string): Uint8Array {
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const header = Buffer.concat([MAGIC, salt, nonce]);
    const cipher = createCipheriv("aes-256-gcm", this.#key(salt), nonce);
    cipher.setAAD(this.#bound(header));
    const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([header, cipher.getAuthTag(), body]);
  }

  #open(file: Uint8Array): string {
    const sealed = Buffer.from(file);
    const header = sealed.subarray(0, HEADER_BYTES);
    if (
      sealed.length < HEADER_BYTES + TAG_BYTES ||
      !header.subarray(0, MAGIC.length).equals(MAGIC)
    ) {
      throw new NotACache();
    }
    const salt = header.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
    const nonce = header.subarray(MAGIC.length + SALT_BYTES);
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv("aes-256-gcm", this.#key(salt), nonce, options);
    decipher.setAAD(this.#bound(header));
    decipher.setAuthTag(sealed.subarray(HEADER_BYTES, HEADER_BYTES + TAG_BYTES));
    const body = sealed.subarray(HEADER_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  }

  // Not the bare SHA-256 of the token that other clients of this protocol use: the broker keeps that very
  // hash to recognise the token, and what recognises a client must not open its cache. A salt per write
  // also gives every file its own key, so that a repeated nonce could do no harm.
  #key(salt: Uint8Array): Uint8Array {
    const token = Buffer.from(this.#options.token.reveal(), "utf8");
    return new Uint8Array(hkdfSync("sha256", token, salt, KEY_PURPOSE, KEY_BYTES));
  }

  #bound(header: Uint8Array): Uint8Array {
    const { url, isLeaseOnly } = this.#options;
    return Buffer.concat([header, Buffer.from(JSON.stringify({ url, isLeaseOnly }), "utf8")]);
  }
}

class NotACache extends Error {
  override readonly name = "NotACache";
}

// Seven letters and the version of what follows.
const MAGIC = Buffer.from("PLSNAPC\u0001", "latin1");
const KEY_PURPOSE = "snapshot-cache/v1";
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + SALT_BYTES + NONCE_BYTES;
