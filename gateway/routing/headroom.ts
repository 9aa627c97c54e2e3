// How much of each account's allowance is left, from 0 to 1: what the headers of answers through this gateway said, and
// the broker's usage reports. Unknown is neutral, never a guess. Headers are kept as they came and read only when a
// choice depends on them.

import type { UsageReports } from "#wire";
import { BoundedMap } from "./bounded-map.ts";
import { readWaitMs } from "./reset-time.ts";

/** Most accounts whose last headers are kept. */
export const MAX_ACCOUNTS = 10_000;
/** How long a statement stands, in ms. */
export const HEADROOM_TTL_MS = 10 * 60_000;
/** Least time between two questions for usage reports, in ms. */
export const REPORTS_PAUSE_MS = 60_000;

/** Asks for usage reports; null when they are not known. Never rejects. */
export type AskUsage = () => Promise<UsageReports | null>;

interface Seen {
  readonly headers: Headers;
  readonly atMs: number;
}

/** What is left of allowances, by credential. */
export class Headroom {
  readonly #seen = new BoundedMap<Seen>({ maxEntries: MAX_ACCOUNTS, ttlMs: HEADROOM_TTL_MS });
  readonly #askUsage: AskUsage | undefined;
  #reported: ReadonlyMap<number, readonly Allowance[]> = new Map();
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ askUsage }: { askUsage?: AskUsage | undefined } = {}) {
    this.#askUsage = askUsage;
  }

  /** Keeps the headers of an answer. */
  record(credentialId: number, headers: Headers, nowMs: number): void {
    this.#seen.set(String(credentialId), { headers, atMs: nowMs }, nowMs);
  }

  /** The share that is left of the scarcest allowance; undefined when nothing is known. Asks for reports aside. */
  of(credentialId: number, nowMs: number): number | undefined {
    this.#refresh(nowMs);
    const seen = this.#seen.get(String(credentialId), nowMs);
    const stated = seen ? readAllowances(seen) : [];
    const reported = this.#reported.get(credentialId) ?? [];
    const left = [...stated, ...reported]
      .filter(({ endsAtMs }) => endsAtMs > nowMs)
      .map(({ remaining }) => remaining);
    return left.length === 0 ? undefined : Math.min(...left);
  }

  #refresh(nowMs: number): void {
    if (!this.#askUsage || nowMs - this.#askedAtMs < REPORTS_PAUSE_MS) return;
    this.#askedAtMs = nowMs;
    void this.#take(this.#askUsage());
  }

  async #take(asked: ReturnType<AskUsage>): Promise<void> {
    const reports = await asked;
    if (reports) this.#reported = byCredential(reports);
  }
}

interface Allowance {
  /** From 0 to 1. */
  readonly remaining: number;
  /** Ms since the epoch; after it the statement says nothing. */
  readonly endsAtMs: number;
}

const COUNTED = ["requests", "tokens", "input-tokens", "output-tokens"] as const;
const UNIFIED = ["5h", "7d"] as const;

function readAllowances({ headers, atMs }: Seen): readonly Allowance[] {
  const found: Allowance[] = [];
  const add = (remaining: number, reset: string | null) => {
    if (!Number.isFinite(remaining)) return;
    const waitMs = readWaitMs(reset ?? undefined, atMs) ?? HEADROOM_TTL_MS;
    found.push({ remaining: Math.min(1, Math.max(0, remaining)), endsAtMs: atMs + waitMs });
  };
  for (const name of COUNTED) {
    const ours = `anthropic-ratelimit-${name}`;
    add(
      share(headers.get(`${ours}-remaining`), headers.get(`${ours}-limit`)),
      headers.get(`${ours}-reset`),
    );
    add(
      share(headers.get(`x-ratelimit-remaining-${name}`), headers.get(`x-ratelimit-limit-${name}`)),
      headers.get(`x-ratelimit-reset-${name}`),
    );
  }
  for (const window of UNIFIED) {
    const name = `anthropic-ratelimit-unified-${window}`;
    add(1 - number(headers.get(`${name}-utilization`)), headers.get(`${name}-reset`));
  }
  for (const window of ["primary", "secondary"]) {
    const name = `x-codex-${window}`;
    add(
      1 - number(headers.get(`${name}-used-percent`)) / 100,
      headers.get(`${name}-reset-after-seconds`),
    );
  }
  return found;
}

function share(remaining: string | null, limit: string | null): number {
  return number(remaining) / number(limit);
}

function number(text: string | null): number {
  return text === null || text.trim() === "" ? Number.NaN : Number(text);
}

function byCredential({ generatedAt, reports }: UsageReports): Map<number, readonly Allowance[]> {
  const found = new Map<number, readonly Allowance[]>();
  for (const { metadata, limits } of reports) {
    const id = metadata?.["credentialId"];
    if (typeof id !== "number") continue;
    const allowances = limits.flatMap(({ amount, window, status }) => {
      const remaining = status === "exhausted" ? 0 : leftOf(amount);
      if (remaining === undefined) return [];
      return [{ remaining, endsAtMs: window?.resetsAt ?? generatedAt + HEADROOM_TTL_MS }];
    });
    found.set(id, allowances);
  }
  return found;
}

type Amount = UsageReports["reports"][number]["limits"][number]["amount"];

function leftOf({ remainingFraction, usedFraction, remaining, limit }: Amount): number | undefined {
  const left =
    remainingFraction ??
    (usedFraction === undefined ? undefined : 1 - usedFraction) ??
    (remaining !== undefined && limit ? remaining / limit : undefined);
  return left === undefined ? undefined : Math.min(1, Math.max(0, left));
}
