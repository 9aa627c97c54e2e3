// Which accounts are to be left alone, and until when: per account and per account and model, never for longer than
// MAX_REST_MS without asking again. A cool-down that is over is proved by one request before the others follow; a
// success ends it. Refuses to let a success that began before a cool-down end it.

import { BoundedMap } from "./bounded-map.ts";

/** Longest time an account is left alone without being asked, in ms, whatever its provider says. */
export const MAX_REST_MS = 15 * 60_000;
/** How long the request that proves an account keeps others waiting or away, in ms. */
export const TRIAL_MS = 5_000;
/** Most remembered cool-downs. */
export const MAX_COOL_DOWNS = 10_000;
/** A cool-down that nobody asked about for so long, in ms, is forgotten. */
export const COOL_DOWN_MEMORY_MS = 60 * 60_000;

/** How long to rest where the provider does not say: doubled with each failure in a row, in ms. */
export interface RestSteps {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Why and how long to rest. */
export interface Rest {
  /** As the provider said, in ms. */
  readonly statedMs?: number | undefined;
  readonly steps: RestSteps;
  /** True when the provider refused; false for a fault that may be over already. */
  readonly isRefusal: boolean;
  /** When the request that failed was begun, in ms since the epoch. */
  readonly beganAtMs: number;
}

interface CoolDown extends KnownRest {
  trialSinceMs: number | undefined;
}

/** A cool-down as it is told to others; times in ms since the epoch. */
export interface KnownRest {
  readonly isRefusal: boolean;
  readonly untilMs: number;
  readonly setAtMs: number;
  readonly failures: number;
}

/** A cool-down that began, or, with null, is over. */
export interface RestNews {
  readonly key: string;
  readonly rest: KnownRest | null;
}

/** `ready`; `trying`: a request is proving it; `resting` until `untilMs`. */
export interface Condition {
  readonly state: "ready" | "trying" | "resting";
  /** Ms since the epoch; 0 when ready. */
  readonly untilMs: number;
  /** True while a request of the last TRIAL_MS is asking it. */
  readonly isTried: boolean;
  /** True when the provider refused; false for a fault that may be over already. */
  readonly isRefusal: boolean;
}

/** Nothing speaks against it. */
export const READY: Condition = { state: "ready", untilMs: 0, isTried: false, isRefusal: false };

/** The cool-downs that this gateway has seen the reasons of. */
export class CoolDowns {
  readonly #known = new BoundedMap<CoolDown>({
    maxEntries: MAX_COOL_DOWNS,
    ttlMs: COOL_DOWN_MEMORY_MS,
  });
  readonly #tell: ((news: RestNews) => void) | undefined;

  /** `tell` hears of every change, for gateways that share their accounts with this one. */
  constructor({ tell }: { tell?: ((news: RestNews) => void) | undefined } = {}) {
    this.#tell = tell;
  }

  /** Takes what another gateway told; what was seen here since then stands. */
  learn({ key, rest }: RestNews, nowMs: number): void {
    const known = this.#known.get(key, nowMs);
    if (!rest) this.#known.delete(key);
    else if (!known || known.setAtMs <= rest.setAtMs) {
      this.#known.set(key, { ...rest, trialSinceMs: undefined }, nowMs);
    }
  }

  /** True while nobody has anything to rest from: then no account needs to be looked up. */
  get isEmpty(): boolean {
    return this.#known.isEmpty;
  }

  /** How it stands with an account, or an account and model. */
  conditionOf(key: string, nowMs: number): Condition {
    const known = this.#known.get(key, nowMs);
    if (!known) return READY;
    const isTried = known.trialSinceMs !== undefined && nowMs - known.trialSinceMs < TRIAL_MS;
    const { untilMs, isRefusal } = known;
    if (untilMs > nowMs) return { state: "resting", untilMs, isTried, isRefusal };
    return isTried ? { state: "trying", untilMs, isTried, isRefusal } : READY;
  }

  /** A failure: rest. Returns the end, in ms since the epoch. */
  rest(key: string, { statedMs, steps, isRefusal, beganAtMs }: Rest, nowMs: number): number {
    const known = this.#known.get(key, nowMs);
    // A crowd that fails together has failed once.
    const isSameFailure = known !== undefined && known.setAtMs > beganAtMs;
    const failures = isSameFailure ? known.failures : (known?.failures ?? 0) + 1;
    const unstatedMs = Math.min(steps.maxMs, steps.firstMs * 2 ** Math.min(failures - 1, 30));
    const restMs = Math.min(MAX_REST_MS, statedMs ?? unstatedMs);
    const untilMs = isSameFailure ? Math.max(known.untilMs, nowMs + restMs) : nowMs + restMs;
    const rest = { untilMs, setAtMs: nowMs, failures, isRefusal };
    this.#known.set(key, { ...rest, trialSinceMs: undefined }, nowMs);
    this.#tell?.({ key, rest });
    return untilMs;
  }

  /** A request asks it now. */
  begun(key: string, nowMs: number): void {
    const known = this.#known.get(key, nowMs);
    if (known) known.trialSinceMs = nowMs;
  }

  /** The request that asks it has come to an end, or its caller has left. */
  ended(key: string, nowMs: number): void {
    const known = this.#known.get(key, nowMs);
    if (known) known.trialSinceMs = undefined;
  }

  /** A request that began at `beganAtMs` was answered; true when that ended a cool-down. */
  succeeded(key: string, { beganAtMs, nowMs }: { beganAtMs: number; nowMs: number }): boolean {
    const known = this.#known.get(key, nowMs);
    if (!known || known.setAtMs > beganAtMs) return false;
    this.#known.delete(key);
    this.#tell?.({ key, rest: null });
    return true;
  }
}
