// The books of a token server: which refresh tokens descend from one login, which of them are live, and what
// was committed. Refuses to decide anything: it writes down what the server did.

import type { Family } from "./oauth-peer.ts";

type Totals = Omit<Family, "isAlive" | "liveRefreshTokens"> & {
  readonly liveFamilies: number;
  readonly deadFamilies: number;
};

interface Entry {
  isAlive: boolean;
  refreshes: number;
  reuses: number;
  forgiven: number;
  readonly live: Set<string>;
}

/** Families by id and by each refresh token ever issued in them. */
export class FamilyBook {
  readonly #families = new Map<string, Entry>();
  readonly #familyOf = new Map<string, Entry>();
  readonly #retired = new Set<string>();

  /** A refresh token came to be; the first one of an id opens the family. */
  issued(familyId: string, refreshToken: string): void {
    const family = this.#families.get(familyId) ?? {
      isAlive: true,
      refreshes: 0,
      reuses: 0,
      forgiven: 0,
      live: new Set(),
    };
    family.live.add(refreshToken);
    this.#families.set(familyId, family);
    this.#familyOf.set(refreshToken, family);
  }

  /** A refresh token was replaced by another. */
  retired(refreshToken: string): void {
    this.#familyOf.get(refreshToken)?.live.delete(refreshToken);
    this.#retired.add(refreshToken);
  }

  /** Was it replaced, and would using it again be a reuse? */
  isRetired(refreshToken: string): boolean {
    return this.#retired.has(refreshToken);
  }

  /** A refresh was committed, in the family of the token it used. */
  refreshed(refreshToken: string): void {
    const family = this.#familyOf.get(refreshToken);
    if (family) family.refreshes += 1;
  }

  /** A used refresh token came again. */
  reused(refreshToken: string, { isForgiven }: { isForgiven: boolean }): void {
    const family = this.#familyOf.get(refreshToken);
    if (!family) return;
    family.reuses += 1;
    if (isForgiven) family.forgiven += 1;
  }

  /** The whole family was revoked. */
  ended(familyId: string): void {
    const family = this.#families.get(familyId);
    if (!family) return;
    family.isAlive = false;
    family.live.clear();
  }

  find(refreshToken: string): Family | undefined {
    const family = this.#familyOf.get(refreshToken);
    if (!family) return undefined;
    const { live, ...counts } = family;
    return { ...counts, liveRefreshTokens: [...live] };
  }

  totals(): Totals {
    const totals = { refreshes: 0, reuses: 0, forgiven: 0, liveFamilies: 0, deadFamilies: 0 };
    for (const { isAlive, refreshes, reuses, forgiven } of this.#families.values()) {
      totals.refreshes += refreshes;
      totals.reuses += reuses;
      totals.forgiven += forgiven;
      totals[isAlive ? "liveFamilies" : "deadFamilies"] += 1;
    }
    return totals;
  }
}
