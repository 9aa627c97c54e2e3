// The memory of the OpenID provider, which also keeps its books: every refresh token it saves, replaces or revokes
// passes here. Refuses to forget: the storage that comes with the provider drops grants after a thousand.

import type { Adapter, AdapterPayload } from "oidc-provider";
import type { FamilyBook } from "./families.ts";

/** How used refresh tokens are treated. */
export interface StorageOptions {
  readonly graceMs: number;
  readonly now: () => number;
}

/** One store for all models of one provider. */
export class OidcStorage {
  readonly #models = new Map<string, StoredModel>();
  readonly #byUid = new Map<string, string>();
  readonly #byUserCode = new Map<string, string>();
  readonly #book: FamilyBook;
  readonly #options: StorageOptions;

  constructor(book: FamilyBook, options: StorageOptions) {
    this.#book = book;
    this.#options = options;
  }

  /** The storage of one model, as the provider asks for it. */
  model(name: string): Adapter {
    const book = name === "RefreshToken" ? this.#book : undefined;
    const found =
      this.#models.get(name) ?? new StoredModel(this.#byUid, this.#byUserCode, this.#options, book);
    this.#models.set(name, found);
    return found;
  }

  /** Ends the life of every code that is not exchanged yet. */
  expireCodes(): void {
    for (const name of ["AuthorizationCode", "DeviceCode"]) this.#models.get(name)?.expireAll();
  }
}

// Every answer is ready in the same turn of the event loop: the provider looks a token up and marks it used in
// two steps, and no other request may come between them.
class StoredModel implements Adapter {
  readonly #payloads = new Map<string, AdapterPayload>();
  readonly #grants = new Map<string, Set<string>>();
  readonly #consumedAtMs = new Map<string, number>();
  readonly #byUid: Map<string, string>;
  readonly #byUserCode: Map<string, string>;
  readonly #options: StorageOptions;
  readonly #book: FamilyBook | undefined;

  constructor(
    byUid: Map<string, string>,
    byUserCode: Map<string, string>,
    options: StorageOptions,
    book: FamilyBook | undefined,
  ) {
    this.#byUid = byUid;
    this.#byUserCode = byUserCode;
    this.#options = options;
    this.#book = book;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    const { grantId, uid, userCode } = payload;
    this.#payloads.set(id, payload);
    if (uid) this.#byUid.set(uid, id);
    if (userCode) this.#byUserCode.set(userCode, id);
    if (!grantId) return;
    const members = this.#grants.get(grantId) ?? new Set();
    this.#grants.set(grantId, members.add(id));
    this.#book?.issued(grantId, id);
  }

  async find(id: string | undefined): Promise<AdapterPayload | undefined> {
    const payload = this.#payloads.get(id ?? "");
    if (!payload || !this.#isWithinGrace(id ?? "")) return payload;
    const { consumed: _, ...asIfUnused } = payload;
    return asIfUnused;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.find(this.#byUid.get(uid));
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.find(this.#byUserCode.get(userCode));
  }

  async consume(id: string): Promise<void> {
    const payload = this.#payloads.get(id);
    if (!payload) return;
    if (payload.consumed) {
      this.#book?.reused(id, { isForgiven: true });
      return;
    }
    const nowMs = this.#options.now();
    this.#payloads.set(id, { ...payload, consumed: Math.max(1, Math.floor(nowMs / 1000)) });
    this.#consumedAtMs.set(id, nowMs);
    this.#book?.retired(id);
  }

  async destroy(id: string): Promise<void> {
    this.#payloads.delete(id);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const id of this.#grants.get(grantId) ?? []) this.#payloads.delete(id);
    this.#grants.delete(grantId);
    this.#book?.ended(grantId);
  }

  expireAll(): void {
    for (const [id, payload] of this.#payloads) this.#payloads.set(id, { ...payload, exp: 1 });
  }

  // Only refresh tokens have a grace; a code is used once.
  #isWithinGrace(id: string): boolean {
    const consumedAtMs = this.#consumedAtMs.get(id);
    if (!this.#book || consumedAtMs === undefined) return false;
    return this.#options.now() < consumedAtMs + this.#options.graceMs;
  }
}
