// Counts failed authentications per remote address, so that guessing is slow and cheap to refuse.
// Refuses only candidates that failed: whoever sends a right token always passes, because an attacker on the same
// host, or behind the same NAT, must not be able to lock the owner out.

import { isIPv6 } from "node:net";

/** Failures per address within the window that are answered as such; more are told to wait. */
export const MAX_FAILURES = 10;
/** The window, in ms; it slides. */
export const FAILURE_WINDOW_MS = 60_000;
/** Most addresses remembered; the one heard of longest ago is forgotten first. */
export const MAX_ADDRESSES = 10_000;

/** The failures of the last minute, by address. */
export class AuthFailures {
  readonly #nowMs: () => number;
  // In the order of the last failure, which is what makes the first one the one to forget.
  readonly #failures = new Map<string, readonly number[]>();

  /** The clock must not jump: by default that of performance.now(). */
  constructor({ nowMs = () => performance.now() }: { nowMs?: () => number } = {}) {
    this.#nowMs = nowMs;
  }

  /**
   * Notes a failure. Returns undefined when it may be answered plainly, else how many ms the address has to wait;
   * being told to wait does not make the wait longer. `undefined` is the address of a Unix socket.
   */
  fail(address: string | undefined): number | undefined {
    const nowMs = this.#nowMs();
    const key = addressGroup(address);
    const recent = (this.#failures.get(key) ?? []).filter(
      (atMs) => atMs > nowMs - FAILURE_WINDOW_MS,
    );
    const [oldest = nowMs] = recent;
    const isOver = recent.length >= MAX_FAILURES;
    this.#failures.delete(key);
    this.#failures.set(key, isOver ? recent : [...recent, nowMs]);
    this.#forgetOne();
    return isOver ? oldest + FAILURE_WINDOW_MS - nowMs : undefined;
  }

  #forgetOne(): void {
    if (this.#failures.size <= MAX_ADDRESSES) return;
    for (const key of this.#failures.keys()) {
      this.#failures.delete(key);
      return;
    }
  }
}

/** What counts as one address: an IPv4 address, or the /64 that one IPv6 customer is given. */
export function addressGroup(address: string | undefined): string {
  if (address === undefined || address === "") return "unix";
  const plain = address.replace(/%.*$/, "").toLowerCase();
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(plain) ? `${firstHextets(plain).join(":")}::/64` : plain.slice(0, 64);
}

function firstHextets(address: string): string[] {
  // A dotted tail stands for two groups, of which only the number matters here.
  const [head = "", tail] = address.replace(/\d+(?:\.\d+){3}$/, "0:0").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
}
